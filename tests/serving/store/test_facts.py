"""Facts: what was known of an account comes back as it was given, and is part of what a run says."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from serving.store.packing import unpack
from serving.store.reading import Run
from serving.store.store import Store
from serving.store.writing import write_day

DAY = dt.date(2026, 2, 1)
Frames = Callable[..., pd.DataFrame]
FACTS: dict[str, dict[str, Any]] = {
    "a-1": {"people": [{"name": 'Zoë \U0001f600 "Z"', "since": "2025-01-01"}], "open": 3, "share": 0.1, "none": None},
    "a-2": {},
    "nobody": {"people": []},
}


def newest(store: Store) -> Run:
    run = store.latest()
    assert run is not None
    return run


def test_facts_come_back(store: Store, make_frame: Frames) -> None:
    write_day(store, make_frame(), DAY, facts=FACTS)
    run = newest(store)
    assert store.facts(run, "a-1") == FACTS["a-1"]
    assert store.facts(run, "a-2") == {}
    for without in ("a-3", "nobody", "a-99", "\x00", "\ud800"):
        assert store.facts(run, without) is None
    ids = ["a-2", "a-1", "a-3", "a-1", "nobody", "x\x00"]
    assert store.all_facts(run, ids) == {"a-1": FACTS["a-1"], "a-2": {}}
    assert store.all_facts(run, [f"b-{n}" for n in range(3000)]) == {}


def test_other_facts_are_another_run_and_the_same_are_not(store: Store, make_frame: Frames) -> None:
    without = write_day(store, make_frame(), DAY)
    known = write_day(store, make_frame(), DAY, facts=FACTS)
    turned = {account: dict(reversed(facts.items())) for account, facts in reversed(FACTS.items())}
    assert known.key != without.key
    assert write_day(store, make_frame(), DAY, facts=turned).key == known.key
    for other in ({**FACTS, "a-2": {"open": 1}}, {"a-1": FACTS["a-1"]}, {**FACTS, "a-3": {}}):
        assert write_day(store, make_frame(), DAY, facts=other).new
    assert write_day(store, make_frame(), DAY, facts={"nobody": {}}).replaced, "as without any"


def test_without_facts_a_run_has_the_digest_that_it_always_had(store: Store, make_frame: Frames) -> None:
    """Those of stores that were written before there were facts must still be met."""
    given = pd.DataFrame({"mrr": [1.0]}, index=["a-1"])
    write_day(store, make_frame(expansion=True), DAY, given)
    with store.reading() as connection:
        header, digest = connection.execute(sa.text("SELECT header, digest FROM tenure_runs")).one()
        rows = connection.execute(
            sa.text("SELECT account_id, figures, drivers, expansion_drivers, features FROM tenure_scores")
        ).all()
    moment = '"computed_at":"2026-02-01T03:00:00Z"'
    expected = hashlib.sha256(header.replace(moment, '"computed_at":null').encode())
    for _, figures, *packed in sorted(rows):
        for text in (figures.replace(moment, '"computed_at":null'), *(it and unpack(bytes(it)) for it in packed)):
            expected.update(b"-" if text is None else f"{len(text.encode())}:{text}".encode())
    expected.update(b"{}")
    assert digest == expected.hexdigest()


@pytest.mark.parametrize("fact", [float("nan"), dt.date(2026, 1, 1), {1, 2}])
def test_what_json_cannot_say_is_refused(store: Store, make_frame: Frames, fact: Any) -> None:
    with pytest.raises(ValueError, match=r"^The facts of account 'a-1' are not what JSON can say: .*\.$"):
        write_day(store, make_frame(), DAY, facts={"a-1": {"it": fact}})
    assert store.latest() is None
