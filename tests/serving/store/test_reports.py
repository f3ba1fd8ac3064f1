"""Reports: told again as they were kept, the one that knew the most; none is overwritten."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import serving.store.reports as module
from serving.store.errors import StoreError
from serving.store.reports import Report, keep, report_of, told_periods
from serving.store.store import Store
from serving.store.tables import reports

NOW = dt.datetime(2026, 1, 5, 3, tzinfo=dt.UTC)
ROI = Report("roi", "2025Q3", "", dt.date(2026, 1, 1), NOW, {"csms": [{"csm_id": "c-7 \ud800 Zoë", "saves": 1.25}]})


def count(store: Store) -> int:
    with store.reading() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(reports)) or 0)


def with_body(report: Report, **changes: Any) -> Report:
    return dataclasses.replace(report, **{"body": {"n": 2}, **changes})


def test_a_report_comes_back_as_it_was(store: Store) -> None:
    assert report_of(store, "roi", "2025Q3") is None
    assert keep(store, [ROI]) == [ROI]
    assert report_of(store, "roi", "2025Q3") == ROI
    for other in (("revenue", "2025Q3", ""), ("roi", "2025-07", ""), ("roi", "2025Q3", "csm")):
        assert report_of(store, *other) is None


def test_what_says_the_same_is_kept_once_and_what_says_another_thing_is_kept_too(store: Store) -> None:
    keep(store, [ROI])
    later = dataclasses.replace(ROI, computed_at=NOW + dt.timedelta(days=1))
    assert keep(store, [later]) == [ROI], "as it was computed first"
    assert report_of(store, "roi", "2025Q3") == ROI
    other = with_body(later)
    assert keep(store, [other, other]) == [other, other]
    assert report_of(store, "roi", "2025Q3") == other
    keep(store, [ROI])
    assert report_of(store, "roi", "2025Q3") == ROI, "as it was first, and said anew"
    assert count(store) == 3


def test_the_one_that_knew_the_most_holds(store: Store) -> None:
    early = with_body(ROI, as_of=dt.date(2025, 10, 1), computed_at=NOW + dt.timedelta(days=9))
    keep(store, [ROI, early])
    assert report_of(store, "roi", "2025Q3") == ROI
    keep(store, [early])
    assert count(store) == 2, "it is compared with what was said as of its own day"


def test_the_periods_that_there_are(store: Store) -> None:
    days = {"2025Q2": dt.date(2025, 8, 1), "2025Q1": dt.date(2025, 8, 1), "2025": dt.date(2026, 1, 1)}
    assert told_periods(store, "roi") == []
    keep(store, [with_body(ROI, period=name, as_of=day) for name, day in days.items()])
    keep(store, [with_body(ROI, kind="revenue", period="2020", by="csm")])
    assert told_periods(store, "roi") == ["2025", "2025Q2", "2025Q1"]
    assert told_periods(store, "revenue") == ["2020"]


def test_all_are_kept_or_none(store: Store) -> None:
    for wrong in (with_body(ROI, body={"it": float("nan")}), with_body(ROI, kind="other")):
        with pytest.raises(ValueError, match=r"NaN|not JSON compliant|kind 'other'"):
            keep(store, [ROI, wrong])
    assert count(store) == 0


def test_a_report_too_large_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 10)
    with pytest.raises(ValueError, match="the report has 13 bytes, more than the 10"):
        keep(store, [with_body(ROI, body={"n": 1234567})])


@pytest.mark.parametrize("damage", [b"", b"\x02abc", b"\x01", b"\x01abc"])
def test_a_damaged_one_is_told_in_a_sentence(store: Store, damage: bytes) -> None:
    keep(store, [ROI])
    with store.writing() as connection:
        connection.execute(sa.update(reports).values(body=damage))
    with pytest.raises(StoreError, match=r"^The report on 2025Q3 in .* cannot be read .*; run `tenure roi` for it"):
        report_of(store, "roi", "2025Q3")


@given(st.binary(max_size=40), st.integers(0, 200))
def test_whatever_was_damaged_is_refused_or_comes_back_whole(tail: bytes, place: int) -> None:
    packed = module._packed(ROI.body)
    damaged = packed[: place % len(packed)] + tail
    try:
        assert module._unpacked(damaged) == ROI.body
    except ValueError:
        assert damaged != packed
