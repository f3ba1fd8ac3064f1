"""Holders: the last book in which the stored days saw an account."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from serving.store.address import address_of
from serving.store.holders import Seen, last_seen
from serving.store.store import Store
from serving.store.writing import write_day

FIRST = dt.date(2026, 1, 4)


def test_the_last_day_on_which_it_was_anybodys(tmp_path: Path, make_frame: Callable[..., pd.DataFrame]) -> None:
    weeks = (
        ["c-7", "c-7", "c-7", None, None, "c-8"],
        ["c-7", "c-8", None, None, "c-9", "c-7"],
        ["c-7", None, None, None, None, None],
    )
    days = [FIRST + dt.timedelta(days=7 * n) for n in range(3)]
    with Store.open(address_of(tmp_path)) as store:
        for day, held in zip(days, weeks, strict=True):
            frame = make_frame(day).assign(csm_id=held)
            write_day(store, frame if day != days[2] else frame.iloc[:5], day)  # the sixth is not scored any more
        write_day(store, make_frame(days[1]).assign(csm_id=weeks[1]), days[1])  # scored again: the later run holds
        found = last_seen(store, [*(f"a-{n}" for n in range(6)), "never", "a\x00", "a-0"])
    assert found == {
        "a-0": Seen(days[2], "c-7"),
        "a-1": Seen(days[1], "c-8"),
        "a-2": Seen(days[0], "c-7"),
        "a-4": Seen(days[1], "c-9"),
        "a-5": Seen(days[1], "c-7"),
    }
