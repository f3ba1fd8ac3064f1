"""Rates: what history alone says, as plain loops over made-up customers count it, and nothing that comes later."""

from __future__ import annotations

import datetime as dt
import statistics
from pathlib import Path
from random import Random
from typing import Any

import pytest

from features.ledger import ledger_of
from success.baselines import Rates, rates_of
from tests.success.economics.companies import company, subscription

DAY = dt.date(2024, 3, 1)
GRACE = 30
Row = dict[str, Any]


def made_up(rng: Random, accounts: int = 120) -> list[Row]:
    """Customers who leave, come back in time or later, and give notices and withdraw some; one subscription at once."""
    rows = []
    for n in range(accounts):
        day = dt.date(2022, 1, 1) + dt.timedelta(rng.randrange(600))
        while day < dt.date(2024, 9, 1):
            end = day + dt.timedelta(rng.choice((40, 150, 400, 900)) + rng.randrange(60))
            notice = end - dt.timedelta(rng.randrange(5, 60))
            withdrawn = None
            if rng.random() < 0.3:
                notice = day + dt.timedelta(rng.randrange(1, 30))
                withdrawn = notice + dt.timedelta(rng.randrange(1, 9))
            elif rng.random() < 0.3:
                notice = None
            reason = rng.choice(("voluntary", "voluntary", "involuntary", "completed", "merged"))
            row = subscription(f"a{n:03d}", 10, str(day), str(end), end_reason=reason)
            rows.append(row | {"notice_on": notice or "", "notice_withdrawn_on": withdrawn or ""})
            day = end + dt.timedelta(rng.choice((1, 10, 29, 30, 31, 90, 2000)))
    return rows


def seen(rows: list[Row], day: dt.date) -> list[tuple[str, dt.date, Any, Any, Any, str]]:
    """What was known on a day: account, start, and end, notice and withdrawal where they had come."""

    def past(value: Any) -> dt.date | None:
        known = dt.date.fromisoformat(str(value)) if value else None
        return known if known and known < day else None

    found = []
    for row in rows:
        start = dt.date.fromisoformat(row["started_on"])
        if start < day:
            found.append((row["account_id"], start, past(row["ended_on"]), past(row["notice_on"]),
                          past(row["notice_withdrawn_on"]), row["end_reason"]))  # fmt: skip
    return found


def oracle(rows: list[Row], day: dt.date, segments: dict[str, str]) -> Rates:
    kept = seen(rows, day)
    noticed = [(end, notice, back) for _, _, end, notice, back, _ in kept if notice]
    withdrawn = sum(back is not None for _, _, back in noticed)
    ended = [(end - notice).days for end, notice, back in noticed if end and back is None]
    returned = left = 0
    churns, days = dict.fromkeys(["", *segments.values()], 0), dict.fromkeys(["", *segments.values()], 0)
    year = day - dt.timedelta(365)
    for account in {row[0] for row in kept}:
        mine = sorted((start, end, reason) for a, start, end, _, _, reason in kept if a == account)
        periods = [[mine[0][0], mine[0][1], mine[0][2]]]
        for start, end, reason in mine[1:]:
            gap = (start - periods[-1][1]).days
            if gap < GRACE:
                returned += gap > 0
                periods[-1][1:] = [end, reason]
            else:
                periods.append([start, end, reason])
        for start, end, reason in periods:
            churned = end is not None and reason in ("voluntary", "involuntary")
            left += churned and (day - end).days >= GRACE
            for group in {"", segments.get(account, "")}:
                churns[group] += churned and end >= year
                days[group] += max((min(end or day, day) - max(start, year)).days, 0)
    weight = 30.44 * 50
    everybody = (churns[""] + 0.02 / 30.44 * weight) / (days[""] + weight)
    leaving = {group: (churns[group] + everybody * weight) / (days[group] + weight) for group in churns if group}
    return Rates(
        (withdrawn + 0.5) / (withdrawn + len(ended) + 5),
        statistics.median(ended) if ended else 30.0,
        (returned + 0.5) / (returned + left + 5),
        {"": everybody, **leaving},
    )


@pytest.mark.parametrize("seed", range(3))
def test_rates_are_what_plain_loops_count(seed: int, tmp_path: Path) -> None:
    rng = Random(seed)
    rows = made_up(rng)
    ids = sorted({row["account_id"] for row in rows})
    segments = {a: rng.choice(("smb", "mid")) for a in ids if rng.random() < 0.9}
    accounts = [{"account_id": a, "created_on": "2020-01-01", "segment": segments.get(a, "")} for a in ids]
    history = company(tmp_path, accounts=accounts, subscriptions=rows)
    assert history.report.failing == {}
    for day in (DAY, dt.date(2023, 1, 1), dt.date(2025, 1, 1)):
        found, wanted = rates_of(history, day, ledger_of(history, day)), oracle(rows, day, segments)
        for name in ("withdrawn", "notice_days", "returned", "leaving"):
            assert getattr(found, name) == pytest.approx(getattr(wanted, name)), (name, day)
    # What comes later changes nothing, whatever it is.
    later = [row | {"notice_withdrawn_on": ""} for row in rows if row["started_on"] < str(DAY)]
    for row in later:
        for name in ("ended_on", "notice_on"):
            row[name] = row[name] if str(row[name]) < str(DAY) else ""
        if not row["ended_on"]:
            row["end_reason"] = ""
    for row, old in zip(later, [r for r in rows if r["started_on"] < str(DAY)], strict=True):
        if old["notice_withdrawn_on"] and str(old["notice_withdrawn_on"]) < str(DAY):
            row["notice_withdrawn_on"] = old["notice_withdrawn_on"]
    cut = company(tmp_path / "cut", accounts=accounts, subscriptions=later)
    assert rates_of(cut, DAY, ledger_of(cut, DAY)) == rates_of(history, DAY, ledger_of(history, DAY))


def test_with_next_to_no_history_the_usual_holds(tmp_path: Path) -> None:
    history = company(tmp_path, subscriptions=[subscription("a", 10, "2024-02-29")])
    found = rates_of(history, DAY, ledger_of(history, DAY))
    assert (found.withdrawn, found.returned, found.notice_days) == (0.1, 0.1, 30)
    assert found.leaving_of("smb") == found.leaving_of(None) == pytest.approx(0.02 / 30.44, rel=0.001)


def test_a_segment_that_leaves_more_is_told_apart_as_far_as_it_is_known(tmp_path: Path) -> None:
    groups = (("many", 60, 30), ("few", 60, 3), ("one", 1, 1))
    rows = [subscription(f"{name}{n}", 10, "2023-01-01", "2023-09-01" if n < gone else "")
            for name, count, gone in groups for n in range(count)]  # fmt: skip
    accounts = [{"account_id": row["account_id"], "created_on": "2020-01-01",
                 "segment": row["account_id"].rstrip("0123456789")} for row in rows]  # fmt: skip
    history = company(tmp_path, accounts=accounts, subscriptions=rows)
    found = rates_of(history, DAY, ledger_of(history, DAY))
    everybody = found.leaving_of("")
    assert found.leaving_of("few") < 0.6 * everybody < everybody < 1.4 * everybody < found.leaving_of("many")
    assert found.leaving_of("one") == pytest.approx(everybody, rel=0.6)  # one churn says little
    assert found.leaving_of("unheard of") == everybody
