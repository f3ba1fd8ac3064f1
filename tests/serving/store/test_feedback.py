"""Feedback: kept as it was said, told by account and day, and no score is touched by it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pandas as pd

from serving.store.feedback import add_feedback, feedback_of, snoozed
from serving.store.store import Store
from serving.store.writing import write_day

DAY = dt.date(2026, 2, 1)


def test_what_was_said_is_kept_in_order(store: Store, make_frame: Callable[..., pd.DataFrame]) -> None:
    write_day(store, make_frame(), DAY)
    run = store.latest()
    assert run is not None
    before = store.rows(run, ["a-1"])
    berlin = dt.timezone(dt.timedelta(hours=1))
    said = [
        add_feedback(store, account_id=account, verdict=verdict, until=until, as_of=DAY, token_id="t-1", csm_id=csm,
                     given_at=dt.datetime(2026, 2, day, 0, 30, 0, 5, berlin))
        for account, verdict, until, csm, day in (
            ("a-1", "handled", DAY, "c-1", 3),
            ("a-1", "disagree", None, None, 2),
            ("a-2", "not_savable", None, None, 2),
        )
    ]  # fmt: skip
    first, second, other = said
    assert first.given_at == dt.datetime(2026, 2, 2, 23, 30, 0, 5, dt.UTC)
    assert len({one.id for one in said}) == 3
    assert feedback_of(store, "a-1", dt.date.min) == [second, first]
    assert feedback_of(store, "a-1", dt.date(2026, 2, 2)) == [first]  # days begin at midnight UTC
    assert feedback_of(store, "a-1", dt.date(2026, 2, 3)) == []
    assert feedback_of(store, "a-2", DAY) == [other]
    for stranger in ("a-3", "\x00", "\ud800"):
        assert feedback_of(store, stranger, DAY) == []
    assert store.rows(run, ["a-1"]) == before


def test_the_newest_feedback_says_whether_an_account_is_snoozed(store: Store) -> None:
    later = DAY + dt.timedelta(days=9)
    said = [
        ("a-1", None, 2), ("a-1", later, 4), ("a-1", DAY, 3),  # kept in another order than given
        ("a-2", later, 2), ("a-2", None, 2),  # at the same moment: what was kept last
        ("a-3", DAY, 2),
        ("a-4", later, 2), ("a-4", DAY + dt.timedelta(days=1), 3),
    ]  # fmt: skip
    assert snoozed(store, DAY) == {}
    for account, until, day in said:
        add_feedback(store, account_id=account, verdict="handled", until=until, as_of=DAY, token_id="t-1", csm_id=None,
                     given_at=dt.datetime(2026, 2, day, tzinfo=dt.UTC))  # fmt: skip
    assert snoozed(store, DAY) == {"a-1": later, "a-4": DAY + dt.timedelta(days=1)}
    assert snoozed(store, DAY + dt.timedelta(days=1)) == {"a-1": later}
    assert snoozed(store, later) == {}
