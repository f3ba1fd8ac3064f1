"""Rates: what history alone says, as plain loops over made-up customers count it, and nothing that comes later."""

from __future__ import annotations

import datetime as dt
import statistics
from pathlib import Path
from random import Random
from typing import Any

import pytest

from features.ledger import ledger_of
from success.baselines import Rates, first_expected, rates_of
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
            row = subscription(f"a{n:03d}", rng.choice((10, 10, 12, 25)), str(day), str(end), end_reason=reason)
            rows.append(row | {"notice_on": notice or "", "notice_withdrawn_on": withdrawn or ""})
            day = end + dt.timedelta(rng.choice((0, 0, 1, 10, 29, 30, 31, 90, 2000)))
    return rows


def seen(rows: list[Row], day: dt.date) -> list[tuple[str, dt.date, Any, Any, Any, str, int]]:
    """What was known on a day: account, start, and end, notice and withdrawal where they had come; reason, MRR."""

    def past(value: Any) -> dt.date | None:
        known = dt.date.fromisoformat(str(value)) if value else None
        return known if known and known < day else None

    found = []
    for row in rows:
        start = dt.date.fromisoformat(row["started_on"])
        if start < day:
            found.append((row["account_id"], start, past(row["ended_on"]), past(row["notice_on"]),
                          past(row["notice_withdrawn_on"]), row["end_reason"], row["mrr"]))  # fmt: skip
    return found


def quarters(rows: list[Row], day: dt.date, first: dt.date) -> list[float]:
    """What accounts pay 90 days after a day over what they paid on it, on up to four days of the last year."""
    found = []
    for n in range(4):
        later = day - dt.timedelta(1 + 91 * n)
        start = later - dt.timedelta(90)
        paid: dict[dt.date, dict[str, int]] = {start: {}, later: {}}
        for account, begin, end, _, _, _, mrr in seen(rows, day):
            for at, found_then in paid.items():
                if begin <= at and (end is None or at < end):
                    found_then[account] = found_then.get(account, 0) + mrr
        if start >= first:
            found += [paid[later][a] / paid[start][a] for a in paid[start] if a in paid[later]]
    return found


def oracle(rows: list[Row], day: dt.date, segments: dict[str, str], first: dt.date) -> Rates:
    kept = seen(rows, day)
    noticed = [(end, notice, back) for _, _, end, notice, back, *_ in kept if notice]
    withdrawn = sum(back is not None for _, _, back in noticed)
    ended = [(end - notice).days for end, notice, back in noticed if end and back is None]
    returned = left = 0
    churns, days = dict.fromkeys(["", *segments.values()], 0), dict.fromkeys(["", *segments.values()], 0)
    year = max(day - dt.timedelta(365), min(first, day))
    for account in {row[0] for row in kept}:
        mine = sorted((start, end, reason) for a, start, end, _, _, reason, _ in kept if a == account)
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
    ratios = quarters(rows, day, first)
    mean = sum(ratios) / max(len(ratios), 1)
    return Rates(
        (withdrawn + 0.5) / (withdrawn + len(ended) + 5),
        statistics.median(ended) if ended else 30.0,
        (returned + 0.5) / (returned + left + 5),
        {"": everybody, **leaving},
        sum(r - 1 for r in ratios) / (len(ratios) + 100),
        (sum((r - mean) ** 2 for r in ratios) + 1.6) / (len(ratios) + 100),
    )


@pytest.mark.parametrize(("seed", "first"), [(0, "2020-01-01"), (1, "2023-06-10"), (2, "2023-12-20")])
def test_rates_are_what_plain_loops_count(seed: int, first: str, tmp_path: Path) -> None:
    rng = Random(seed)
    rows = made_up(rng)
    ids = sorted({row["account_id"] for row in rows})
    segments = {a: rng.choice(("smb", "mid")) for a in ids if rng.random() < 0.9}
    accounts = [{"account_id": a, "created_on": "2020-01-01", "segment": segments.get(a, "")} for a in ids]
    usage = [{"account_id": ids[0], "day": first, "feature": "home", "events": 1}]
    history = company(tmp_path, accounts=accounts, subscriptions=rows, usage=usage)
    assert history.report.failing == {}
    for day in (DAY, dt.date(2023, 1, 1), dt.date(2025, 1, 1)):
        found, wanted = (
            rates_of(history, day, ledger_of(history, day)),
            oracle(rows, day, segments, dt.date.fromisoformat(first)),
        )
        for name in ("withdrawn", "notice_days", "returned", "leaving", "growth", "spread"):
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
    cut = company(tmp_path / "cut", accounts=accounts, subscriptions=later, usage=usage)
    assert rates_of(cut, DAY, ledger_of(cut, DAY)) == rates_of(history, DAY, ledger_of(history, DAY))


def test_with_next_to_no_history_the_usual_holds(tmp_path: Path) -> None:
    history = company(tmp_path, subscriptions=[subscription("a", 10, "2024-02-29")])
    found = rates_of(history, DAY, ledger_of(history, DAY))
    assert (found.withdrawn, found.returned, found.notice_days) == (0.1, 0.1, 30)
    assert (found.growth, found.spread) == (0.0, 0.016)
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


def test_days_before_the_history_began_are_no_days_on_which_nobody_left(tmp_path: Path) -> None:
    """Customers since 2020, of whom a tenth a month has left since somebody looked; who left before is nowhere."""
    ends = [str(dt.date(2023, 12, 1) + dt.timedelta(3 * n)) for n in range(30)] + 70 * [""]
    rows = [subscription(f"a{n:03d}", 10, "2020-01-01", end) for n, end in enumerate(ends)]
    usage = [{"account_id": "a000", "day": "2023-12-01", "feature": "home", "events": 1}]
    history = company(tmp_path, subscriptions=rows, usage=usage)
    found = rates_of(history, DAY, ledger_of(history, DAY))
    assert found.leaving_of("") == pytest.approx(30 / (85 * 91), rel=0.2)
    assert first_expected(history, DAY) == DAY  # on its 91 days


@pytest.mark.parametrize(("began", "first"), [("2023-01-01", "2023-04-01"), ("2023-01-02", "2023-05-01"),
                                              ("2024-11-17", "2025-03-01"), ("2024-01-02", "2024-04-01")])  # fmt: skip
def test_nothing_is_expected_before_a_quarter_was_observed(began: str, first: str, tmp_path: Path) -> None:
    usage = [{"account_id": "a", "day": began, "feature": "home", "events": 1}]
    history = company(tmp_path, subscriptions=[subscription("a", 10, "2020-01-01")], usage=usage)
    assert first_expected(history, dt.date(2025, 6, 1)) == dt.date.fromisoformat(first)
