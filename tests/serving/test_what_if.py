"""POST /what_if: what the champion says of an account before and after changes to its stored features."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.champion import Champion
from serving.forecast import Forecast, Model
from serving.problems import ProblemError
from serving.requests import WhatIfRequest
from serving.what_if import SAYS, what_if_answer

DAY, NOW = dt.date(2026, 2, 1), dt.datetime(2026, 2, 1, 4, 0, 30, tzinfo=dt.UTC)
HASH = "c0ffee" * 10
SNAPSHOT = {"mrr": 512, "days_since_last_use": 64.0, "active_share": None, "plan": "pro", "touches_90d": 2}
DECLARED: Any = {
    name: SimpleNamespace(name=name, kind="number", low=0.0, high=1.0 if name == "active_share" else None)
    for name in ("mrr", "days_since_last_use", "active_share", "touches_90d", "days_to_renewal")
} | {"plan": SimpleNamespace(name="plan", kind="category", low=None, high=None)}

NUMBERS = st.one_of(st.none(), st.integers(0, 300), st.floats(0, 300, allow_subnormal=False))
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "mrr": NUMBERS,
        "days_since_last_use": NUMBERS,
        "active_share": st.one_of(st.none(), st.floats(0, 1)),
        "plan": st.sampled_from([None, "basic", "pro", "enterprise", "\N{PARTY POPPER}"]),
        "touches_90d": NUMBERS,
        "days_to_renewal": NUMBERS,
    },
)

ANY = st.one_of(st.none(), st.integers(-3, 3), st.floats(-30, 30))
RANDOM: dict[str, st.SearchStrategy[Any]] = {
    "a": ANY, "b": ANY, "c": ANY, "d": ANY, "plan": st.sampled_from([None, "basic", "pro", "max", "unheard of"])
}  # fmt: skip
"""Of the random kernels: three numbers, one that only a sentence tells, and a category."""
for _name in ("a", "b", "c", "d"):
    DECLARED[_name] = SimpleNamespace(name=_name, kind="number", low=None, high=None)


def ask(
    champion: Champion, changes: dict[str, Any], *, snapshot: Any = SNAPSHOT, figures: Any = None, run: Any = None,
    **members: Any,
) -> dict[str, Any]:  # fmt: skip
    """The answer over a stand-in for the store, as JSON says it."""
    body = json.dumps({"account_id": "a-1", "changes": changes, **members}).encode()
    run = run or SimpleNamespace(as_of=DAY, catalogue_hash=HASH)
    row = SimpleNamespace(account_id="a-1", status="ok", figures=json.dumps(figures or {"churn_90d": 0.25}))
    told = json.loads(what_if_answer(champion, run, row, snapshot, WhatIfRequest.parse(body), DECLARED, NOW))
    assert isinstance(told, dict)
    return told


@pytest.fixture(scope="module")
def champion(make_champion: Callable[..., Champion]) -> Champion:
    return make_champion(expansion=True)


def test_both_sides_and_what_moved(champion: Champion) -> None:
    told = ask(champion, {"mrr": 1024, "plan": None, "touches_90d": 9}, explain=1)
    assert list(told) == ["account_id", "as_of", "model_version", "expansion_version", "catalogue_hash", "computed_at",
                          "horizon", "says", "before", "after", "changes", "moved", "ignored", "unseen"]  # fmt: skip
    assert (told["account_id"], told["as_of"], told["horizon"], told["says"]) == ("a-1", "2026-02-01", 90, SAYS)
    assert (told["model_version"], told["expansion_version"], told["catalogue_hash"]) == ("3", "2", HASH)
    assert told["before"]["churn_90d"] == 0.3 + 512 / 2**14 + 64 / 2**10 + 0.0625
    assert told["after"]["churn_90d"] == 0.3 + 1024 / 2**14 + 64 / 2**10
    assert told["after"]["reading"] == "about 0.42 by 2026-05-02"
    assert told["after"]["expansion_30d"] is not None
    assert told["changes"] == [
        {"feature": "mrr", "from": 512.0, "to": 1024.0},
        {"feature": "plan", "from": "pro", "to": None},
        {"feature": "touches_90d", "from": 2.0, "to": 9.0},
    ]
    assert told["ignored"] == ["touches_90d"]
    assert [one["feature"] for one in told["moved"]] == ["plan", None]
    assert told["moved"][1]["sentence_after"] == "Everything else"


def random_champion(seed: int) -> Champion:
    """One whose trees, calibration and words nobody fitted."""
    name = "tenure_test_support_kernels"
    if name not in sys.modules:
        file = Path(__file__).parents[1] / "training" / "kernels.py"
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    kernel = sys.modules[name].kernel(Random(seed))
    return Champion("1", HASH, Forecast(Model("1", kernel)), lambda p, as_of, horizon: f"{p:.3f}")


@settings(deadline=None, derandomize=True, max_examples=20)
@given(
    seed=st.integers(0, 30),
    before=st.fixed_dictionaries({}, optional=RANDOM),
    changes=st.fixed_dictionaries({}, optional=RANDOM),
    explain=st.integers(1, 4),
)
def test_what_moved_is_the_whole_difference(
    seed: int, before: dict[str, Any], changes: dict[str, Any], explain: int
) -> None:
    champion = random_champion(seed)
    horizon = champion.forecast.churn.kernel.horizons[-1]
    column = f"churn_{horizon}d"
    told = ask(champion, changes, snapshot=before, figures={column: 0.5}, explain=explain, horizon=horizon)
    moved = [one["difference"] for one in told["moved"]]
    assert abs(math.fsum(moved) - (told["after"][column] - told["before"][column])) <= 1e-9
    assert all(abs(one["points_after"] - one["points_before"] - one["difference"]) <= 1e-9 for one in told["moved"])
    assert (told["after"] == told["before"]) <= (not any(moved))
    named = [one for one in told["moved"] if one["feature"]]
    assert len(named) <= explain
    assert [abs(one["difference"]) for one in named] == sorted((abs(o["difference"]) for o in named), reverse=True)
    assert [change["feature"] for change in told["changes"]] == sorted(changes)


@settings(deadline=None, derandomize=True, max_examples=12)
@given(changes=CHANGES, order=st.randoms(use_true_random=False))
def test_the_order_of_changes_does_not_matter(champion: Champion, changes: dict[str, Any], order: Any) -> None:
    names = list(changes)
    order.shuffle(names)
    assert ask(champion, {name: changes[name] for name in names}) == ask(champion, changes)


@settings(deadline=None, derandomize=True, max_examples=12)
@given(named=st.sets(st.sampled_from(sorted({*SNAPSHOT, "days_to_renewal"}))), other=CHANGES)
def test_without_an_effective_change_both_sides_are_equal(
    champion: Champion, named: set[str], other: dict[str, Any]
) -> None:
    told = ask(champion, {name: SNAPSHOT.get(name) for name in named})
    assert told["after"] == told["before"]
    assert told["moved"] == []
    assert all(change["from"] == change["to"] for change in told["changes"])
    # Going there and back again: what was after is before, and the other way round.
    there = ask(champion, other)
    after = {**SNAPSHOT, **other}
    back = ask(champion, {name: SNAPSHOT.get(name) for name in other}, snapshot=after)
    assert (back["before"], back["after"]) == (there["after"], there["before"])


def test_a_category_that_no_model_knows_is_said(champion: Champion) -> None:
    told = ask(champion, {"plan": "enterprise"})
    assert (told["unseen"], told["ignored"]) == (["plan"], [])
    assert told["after"]["churn_90d"] == ask(champion, {"plan": None})["after"]["churn_90d"]
    assert ask(champion, {"plan": "basic"})["unseen"] == []


def test_a_sentence_about_another_feature_of_the_topic_is_matched_by_topic(
    make_champion: Callable[..., Champion],
) -> None:
    plain = make_champion()

    def drivers(kernel: Any, rows: Any, horizon: int, count: int | None = None) -> list[list[dict[str, Any]]]:
        found = []
        for n, share in enumerate(kernel.points(rows, horizon).tolist()):
            lead = "mrr" if rows["mrr"][n] > 600 else "days_since_last_use"
            use = {"feature": lead, "features": ["mrr", "days_since_last_use"], "sentence": f"About {lead}"}
            rest = {"feature": "plan", "features": ["active_share", "plan"], "sentence": "About plan"}
            found.append([{**use, "points": share[0] + share[1]}, {**rest, "points": share[2] + share[3]}])
        return found

    object.__setattr__(plain.forecast, "drivers", drivers)
    (moved,) = ask(plain, {"mrr": 1024})["moved"]
    assert (moved["feature"], moved["difference"]) == ("mrr", 512 / 2**14)
    assert (moved["sentence_before"], moved["sentence_after"]) == ("About days_since_last_use", "About mrr")


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"seats; drop table": 1}, "unknown-feature", '"seats; drop table"'),
        ({"": 1}, "unknown-feature", '""'),
        ({"x" * 5000: None}, "unknown-feature", "xxx..."),
        ({"account_id": "a-2"}, "unknown-feature", '"account_id"'),
        ({"as_of": "2026-01-01"}, "unknown-feature", '"as_of"'),
        ({"__class__": 1}, "unknown-feature", '"__class__"'),
        ({"mrr": "512"}, "wrong-type", "mrr is a number"),
        ({"mrr": True}, "wrong-type", "mrr is a number"),
        ({"mrr": [1]}, "wrong-type", "mrr is a number"),
        ({"mrr": {"$ne": 1}}, "wrong-type", "mrr is a number"),
        ({"mrr": math.nan}, "wrong-type", "mrr must be finite"),
        ({"mrr": 10**400}, "wrong-type", "mrr must be finite"),
        ({"plan": 3}, "wrong-type", "plan is a category"),
        ({"mrr": -1}, "out-of-bounds", "mrr = -1 is below 0"),
        ({"mrr": 5, "active_share": 1.5}, "out-of-bounds", "active_share = 1.5 is above 1"),
    ],
)
def test_a_change_that_cannot_be_is_refused(champion: Champion, changes: dict[str, Any], kind: str, says: str) -> None:
    with pytest.raises(ProblemError) as refused:
        ask(champion, changes)
    assert (refused.value.status, refused.value.kind) == (422, kind)
    assert says in refused.value.detail


@pytest.mark.parametrize("changes", [None, [], "mrr", 3, [{"mrr": 1}]])
def test_changes_are_an_object(champion: Champion, changes: Any) -> None:
    with pytest.raises(ProblemError, match='"changes" must be an object'):
        ask(champion, changes)


def test_values_far_from_everything_are_answered(champion: Champion) -> None:
    told = ask(champion, {"mrr": 1e300, "days_since_last_use": 5e-324, "plan": "\ud800"})
    assert 0 < told["after"]["churn_90d"] < 1
    assert told["unseen"] == ["plan"]


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"figures": {"churn_90d": None, "reason": "It gave notice."}}, "not-scored", "It gave notice."),
        ({"figures": {"churn_90d": None, "reason": None}}, "not-scored", "Its status is ok."),
        ({"snapshot": None}, "snapshot-outdated", "run `tenure score`"),
        ({"run": SimpleNamespace(as_of=DAY, catalogue_hash="d" * 64)}, "snapshot-outdated", "2026-02-01"),
        ({"changes": {"mrr": 666}}, "not-scored", "failed on this row"),
    ],
)
def test_what_cannot_be_started_from_is_said(champion: Champion, options: dict[str, Any], kind: str, says: str) -> None:
    with pytest.raises(ProblemError) as refused:
        ask(champion, options.pop("changes", {"mrr": 1}), **options)
    assert (refused.value.status, refused.value.kind) == (409, kind)
    assert says in refused.value.detail


def test_a_horizon_that_the_champion_lacks_is_said(champion: Champion) -> None:
    with pytest.raises(ProblemError, match="no horizon of 60 days") as refused:
        ask(champion, {"mrr": 1}, horizon=60)
    assert (refused.value.status, refused.value.kind) == (422, "unknown-horizon")


# --- over the store ----------------------------------------------------------------------------------------


def test_the_route_answers_from_the_stored_features(
    make_client: Callable[..., Any], make_frame: Callable[..., pd.DataFrame], problem: Callable[..., dict[str, Any]]
) -> None:
    frame = make_frame()
    features = pd.DataFrame([SNAPSHOT] * len(frame), index=pd.Index(frame["account_id"], name="account_id"))
    client = make_client(frame=frame, features=features)
    told = client.post("/what_if", json={"account_id": "a-1", "changes": {"mrr": 1024}})
    assert told.status_code == 200
    assert told.json()["after"]["churn_90d"] == 0.3 + 1024 / 2**14 + 64 / 2**10 + 0.0625
    problem(client.post("/what_if", json={"account_id": "b-1", "changes": {}}), 404, "unknown-account")
    document = problem(client.post("/what_if", json={"account_id": "a-5", "changes": {}}), 409, "not-scored")
    assert "It gave notice." in document["detail"]
    problem(client.post("/what_if", json={"account_id": "a-1", "changes": {"seats": 1}}), 422, "unknown-feature")
    problem(client.post("/what_if", json={"account_id": "a-1"}), 422, "bad-request")


@pytest.mark.parametrize("account", [0, -1])
def test_without_a_change_the_champion_says_what_was_stored(scored_home: Any, account: int) -> None:
    """Byte for byte, from the features that the store gives back."""
    from features.catalogue import CATALOGUE
    from serving.loading import Loader
    from serving.store.address import address_of
    from serving.store.store import Store

    store = Store.open(address_of(scored_home), create=False)
    try:
        run = store.latest()
        assert run is not None
        frame = store.frame(run)
        wanted = frame.loc[frame["churn_90d"].notna(), "account_id"].iloc[account]
        row, snapshot = store.rows(run, [wanted])[wanted], store.features(run, wanted)
    finally:
        store.close()
    champion = Loader(scored_home).load()
    assert champion is not None
    asked = WhatIfRequest(wanted, {}, 5)
    declared = {feature.name: feature for feature in CATALOGUE.features}
    told = json.loads(what_if_answer(champion, run, row, snapshot, asked, declared, NOW))
    stored = json.loads(row.figures)
    assert told["before"] == told["after"] == {name: stored[name] for name in told["before"]}
    assert len(told["before"]) > 15
