"""Freezing: a churned account keeps the last score that it had, whatever was scored or not between."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.store.address import address_of
from serving.store.store import Store
from serving.store.writing import write_day

Frames = Callable[..., pd.DataFrame]
FIRST = dt.date(2026, 1, 1)


def day(n: int) -> dt.date:
    return FIRST + dt.timedelta(days=n)


def frame_of(make_frame: Frames, n: int, states: Sequence[str | None], **given: Any) -> pd.DataFrame:
    """A day with an account for each state: ok, notice_given, churned; None where it is not known on that day."""
    frame = make_frame(day(n), accounts=len(states) + 1, seed=n, version=str(n), **given).iloc[:-1]
    figures = ("churn_", "typical_", "involuntary_", "expected_mrr_", "expansion_")
    empty = [name for name in frame.columns if name.startswith(figures) and frame[name].dtype == float]
    for place, state in enumerate(states):
        if state not in ("ok", None):
            frame.loc[place, "status"] = state
            frame.loc[place, [*empty, "renewal_next", "mrr_at_risk"]] = np.nan
            frame.loc[place, ["reading", "drivers"]] = None
            if "expansion_drivers" in frame:
                frame.loc[place, "expansion_drivers"] = None
    return frame[[state is not None for state in states]]


def frozen(store: Store, n: int, account: str = "a-0") -> dict[str, Any] | None:
    run = store.run_of(day(n))
    assert run is not None
    text = store.rows(run, [account])[account].frozen
    return None if text is None else json.loads(text)


def test_the_last_score_is_kept_for_good(store: Store, make_frame: Frames) -> None:
    for n, states in enumerate([["ok"], ["ok"], ["notice_given"], ["churned"], ["churned"]]):
        write_day(store, frame_of(make_frame, n, [*states, "ok"]), day(n))
    given = frame_of(make_frame, 1, ["ok", "ok"]).loc[0]
    for n in (3, 4):
        kept = frozen(store, n)
        assert kept is not None
        assert (kept["as_of"], kept["model_version"], kept["status"]) == ("2026-01-02", "1", "ok")
        assert kept["churn_90d"] == given["churn_90d"]
        assert kept["drivers"] == json.loads(given["drivers"])
        assert "account_id" not in kept
    assert [frozen(store, n) for n in (0, 1, 2)] == [None] * 3
    assert [frozen(store, n, "a-1") for n in range(5)] == [None] * 5


def test_both_outcomes_are_kept(store: Store, make_frame: Frames) -> None:
    for n, state in enumerate(("ok", "churned")):
        write_day(store, frame_of(make_frame, n, [state, "ok"], expansion=True), day(n))
    kept = frozen(store, 1)
    assert kept is not None
    assert kept["expansion_drivers"][0]["feature"] == "seats"
    assert kept["expansion_90d"] > 0


def test_health_and_all_else_that_was_told_is_kept(store: Store, make_frame: Frames) -> None:
    told = {"health": 61.5, "health_adoption": 58.25, "health_cell": "mid, adoption", "stage": "growth", "moved": "[]",
            "listed_since": dt.date(2025, 12, 30), "something_new": 3.0}  # fmt: skip
    write_day(store, frame_of(make_frame, 0, ["ok", "ok"]).assign(**told), day(0))
    gone = frame_of(make_frame, 1, ["churned", "ok"]).assign(**told)
    gone.loc[0, list(told)] = None
    write_day(store, gone.assign(churned_on=[day(1), None]), day(1))
    kept = frozen(store, 1)
    assert kept is not None
    assert {name: kept[name] for name in told} == {**told, "listed_since": "2025-12-30", "moved": []}
    run = store.run_of(day(1))
    assert run is not None
    row = store.book(run).set_index("account_id").loc["a-0"]
    assert (row["health"] != row["health"], row["moved"], row["churned_on"]) == (True, None, day(1))


def test_health_by_rules_is_kept_likewise(store: Store, make_rule_frame: Frames) -> None:
    write_day(store, make_rule_frame(day(0)), day(0))
    gone = make_rule_frame(day(1))
    gone.loc[1, ["status", "health", "health_adoption", "health_source"]] = ["churned", np.nan, np.nan, None]
    write_day(store, gone, day(1))
    kept = frozen(store, 1, "a-1")
    assert kept is not None
    assert (kept["as_of"], kept["health"], kept["drivers"]) == ("2026-01-01", 10.0, [])


def test_what_was_replaced_does_not_count_and_freezing_is_idempotent(store: Store, make_frame: Frames) -> None:
    write_day(store, frame_of(make_frame, 0, ["ok"]), day(0))
    write_day(store, frame_of(make_frame, 0, ["ok"]).assign(model_version="new"), day(0))
    gone = frame_of(make_frame, 1, ["churned"])
    assert write_day(store, gone, day(1)).new
    kept = frozen(store, 1)
    assert kept is not None
    assert kept["model_version"] == "new"
    assert not write_day(store, gone, day(1)).new
    # A day before is scored again: the churned account's row says something else now, so that is another run.
    write_day(store, frame_of(make_frame, 0, ["ok"]).assign(model_version="newer"), day(0))
    assert write_day(store, gone, day(1)).replaced


def test_a_score_that_was_taken_back_is_not_kept(store: Store, make_frame: Frames) -> None:
    for n, state in ((0, "ok"), (1, "ok"), (1, "notice_given"), (2, "churned")):
        write_day(store, frame_of(make_frame, n, [state, "ok"]), day(n))
    kept = frozen(store, 2)
    assert kept is not None
    assert kept["as_of"] == "2026-01-01"


STATE = st.sampled_from(["ok", "notice_given", "churned", None])
STATES = st.lists(st.tuples(STATE, STATE, STATE).map(lambda three: [*three, "ok"]), min_size=3, max_size=6)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tmp_path_factory.mktemp("freezing")


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STATES)
def test_days_in_order_against_a_plain_loop(place: Any, make_frame: Frames, days: list[list[str | None]]) -> None:
    (place / "scores.db").unlink(missing_ok=True)
    expected: dict[int, int | None] = {}
    with Store.open(address_of(place)) as store:
        for n, states in enumerate(days):
            write_day(store, frame_of(make_frame, n, states), day(n))
            for account, state in enumerate(states):
                if state == "churned":
                    kept = frozen(store, n, f"a-{account}")
                    last = expected.get(account)
                    assert (kept and kept["as_of"]) == (None if last is None else day(last).isoformat())
                elif state == "ok":
                    expected[account] = n
