"""Churn and expansion on random contracts: against an oracle in plain loops over days, and what must hold for all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise, product
from random import Random
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features.cohort import account_statuses
from features.expansion import expansion_labels_by_horizon, mrr_path
from features.history import History
from features.labels import churn_days, churn_labels_by_horizon, recording_lag
from features.settings import ChurnSettings, HistorySettings, Settings

Open = Callable[..., History]
Row = dict[str, Any]
KNOWN_ON = dt.date(2024, 9, 1)
HORIZONS = (1, 30, 90, 200)
ASKED = [KNOWN_ON - dt.timedelta(days=n) for n in range(0, 320, 7)]
ACCOUNTS = [f"A{n}" for n in range(8)]
LATE = ("ended_on", "notice_on", "notice_withdrawn_on")
COLUMNS = ["subscription_id", "account_id", "plan", "mrr", "currency", "trial", "started_on", "end_reason", *LATE,
           "recorded_at", *(f"{column}_recorded_at" for column in LATE)]  # fmt: skip
REASONS = ("voluntary", "involuntary", "completed", "merged", "superseded", None)


def _days(n: int) -> dt.timedelta:
    return dt.timedelta(days=n)


# A company: chains of subscriptions around KNOWN_ON, one to three of them side by side in an account.


def make(rng: Random, stamped: bool = True) -> list[Row]:
    """Subscriptions with upgrades, overlaps, returns, notices given and taken back; `stamped` ones are often late."""
    rows: list[Row] = []
    for account in ACCOUNTS:
        for chain in range(rng.choice((1, 1, 2, 3))):
            _chain(rng, rows, account, f"{account}c{chain}", stamped)
    return rows


def _chain(rng: Random, rows: list[Row], account: str, name: str, stamped: bool) -> None:
    def stamp(day: dt.date | None, early: int) -> dt.date | None:
        return day + _days(rng.randint(-early, 40)) if day and stamped and rng.random() < 0.4 else None

    start = KNOWN_ON - _days(rng.choice((400, 300, rng.randint(0, 400))))
    mrr, currency = (
        rng.choice((Fraction(100), Fraction(30, 100), Fraction(0), Fraction(rng.randint(1, 9999), 100))),
        "EUR",
    )
    for number in range(rng.randint(1, 6)):
        end = None if rng.random() < 0.2 else start + _days(rng.choice((0, 1, 29, 30, 31, rng.randint(1, 150))))
        reason = rng.choice((*REASONS, "superseded", "voluntary", "involuntary"))
        notice = start + _days(rng.randint(-5, 90)) if rng.random() < 0.3 else None
        withdrawn = notice + _days(rng.choice((0, 1, 20, 60))) if notice and rng.random() < 0.4 else None
        rows.append(dict.fromkeys(COLUMNS) | {
            "subscription_id": f"{name}n{number}", "account_id": account, "plan": "p", "mrr": mrr,
            "currency": rng.choice(("USD", None)) if rng.random() < 0.06 else currency,
            "trial": rng.random() < 0.1, "started_on": start, "ended_on": end, "end_reason": reason if end else None,
            "notice_on": notice, "notice_withdrawn_on": withdrawn, "recorded_at": stamp(start, 5),
            "ended_on_recorded_at": stamp(end, 60), "notice_on_recorded_at": stamp(notice, 0),
            "notice_withdrawn_on_recorded_at": stamp(withdrawn, 0)})  # fmt: skip
        if end is None:
            return
        start = end + _days(0 if reason == "superseded" else rng.choice((0, 1, 29, 30, 31, rng.randint(2, 90))))
        mrr = round(
            mrr * rng.choice((Fraction(1), Fraction(105, 100), Fraction(11, 10), Fraction(3, 2), Fraction(1, 2))), 2
        )


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case Fraction():
            return f"{float(value):.2f}"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _open(open_tables: Open, rows: list[Row], choice: Settings) -> History:
    lines = [",".join(_text(row[column]) for column in COLUMNS) for row in rows]
    return open_tables(
        {
            "accounts": "account_id, created_on\n" + "\n".join(f"{a}, 2020-01-01" for a in ACCOUNTS),
            "usage": "account_id, day, feature, events\nA0, 2024-01-01, report, 1",
            "subscriptions": "\n".join([",".join(COLUMNS), *lines]),
        },
        choice,
    )


def _settings(event: str = "end", grace: int = 30, lag: int | None = 5) -> Settings:
    churn = ChurnSettings(event=event, grace_days=grace)  # type: ignore[arg-type]  # text
    return Settings(history=HistorySettings(recording_lag_days=lag), churn=churn)


# The oracle.


def _known(rows: list[Row], account: str, day: dt.date) -> Iterator[Row]:
    """An account's paid subscriptions as somebody had them at the start of a day."""
    for row in rows:
        since = max(row["started_on"], row["recorded_at"] or dt.date.min)
        if row["account_id"] != account or row["trial"] or since >= day:
            continue
        row = dict(row)
        for column in LATE:
            if row[column] and (row[f"{column}_recorded_at"] or row[column]) >= day:
                row[column] = None
        row["end_reason"] = row["end_reason"] if row["ended_on"] else None
        if row["notice_withdrawn_on"]:
            row["notice_on"] = None
        yield row


def periods(rows: list[Row], account: str, known_on: dt.date, grace: int, event: str) -> list[Row]:
    """The account's time as a customer, walked through day by day."""
    subs = list(_known(rows, account, known_on))
    for sub in subs:
        sub["over"] = sub["ended_on"] if sub["ended_on"] and sub["ended_on"] < known_on else None
        if event == "notice" and sub["notice_on"] and not sub["over"]:
            sub["over"] = sub["ended_on"] or known_on
    found: list[Row] = []
    quiet_since: dt.date | None = None
    day = min((s["started_on"] for s in subs), default=known_on)
    while day <= max([known_on, *(s["over"] for s in subs if s["over"])]):
        if any(s["started_on"] == day for s in subs) and (
            not found or (quiet_since and (day - quiet_since).days >= max(grace, 1))
        ):
            found.append({"began": day, "left": None, "churn": False, "involuntary": False})
        ending = [s for s in subs if s["over"] == day]
        if ending:
            found[-1]["last"], found[-1]["reasons"] = day, {s["end_reason"] or "voluntary" for s in ending}
        if found:
            going = any(s["started_on"] <= day and (not s["over"] or s["over"] > day) for s in subs)
            quiet_since = None if going else found[-1]["last"]
            found[-1]["left"] = quiet_since
        day += _days(1)
    for period in found:
        reasons = period.get("reasons", set()) if period["left"] else set()
        period["churn"] = bool(reasons & {"voluntary", "involuntary"})
        period["involuntary"] = period["churn"] and "voluntary" not in reasons
        while period["churn"] and event == "notice" and period["left"] > period["began"]:
            eve = period["left"] - _days(1)
            if any(s["started_on"] <= eve < min(s["over"], s["notice_on"] or s["over"]) for s in subs if s["over"]):
                break
            period["left"] = eve
    return found


def _at(subs: list[Row], day: dt.date) -> tuple[Fraction, set[str]]:
    """MRR and currencies of a day."""
    there = [s for s in subs if s["started_on"] <= day and (not s["ended_on"] or day < s["ended_on"])]
    return sum((s["mrr"] for s in there), Fraction(0)), {s["currency"] for s in there if s["currency"]}


def churn_of(customer: list[Row], as_of: dt.date, horizon: int, wait: int) -> tuple[float | None, bool]:
    """The label, and whether the churn was involuntary."""
    here = [p for p in customer if p["began"] < as_of and (not p["left"] or as_of <= p["left"])]
    if as_of + _days(horizon + wait) > KNOWN_ON or not here:
        return None, False
    churned = here[0]["churn"] and here[0]["left"] < as_of + _days(horizon)
    return float(churned), bool(churned and here[0]["involuntary"])


def expansion_of(subs: list[Row], customer: list[Row], as_of: dt.date, horizon: int, lag: int) -> float | None:
    base, currencies = _at(subs, as_of - _days(1))
    here = any(p["began"] < as_of and (not p["left"] or as_of <= p["left"]) for p in customer)
    if as_of + _days(horizon + lag) > KNOWN_ON or not here or base <= 0 or len(currencies) > 1:
        return None
    for n in range(horizon):
        day = as_of + _days(n)
        mrr, now = _at(subs, day)
        if any(p["churn"] and p["left"] == day for p in customer):
            return 0.0
        if len(now) > 1 or (now and currencies and now != currencies):
            return None
        if mrr >= base * Fraction(11, 10):
            return 1.0
    return 0.0


# What must hold.


def _outcomes(history: History, shift: int = 0) -> tuple[dict[int, pd.DataFrame], dict[int, pd.DataFrame]]:
    days = [d + _days(shift) for d in ASKED]
    asked = pd.DataFrame(product(ACCOUNTS, map(pd.Timestamp, days)), columns=["account_id", "as_of"])
    both = [churn_labels_by_horizon, expansion_labels_by_horizon]
    churns, expansions = (made(history, asked, HORIZONS, KNOWN_ON + _days(shift)) for made in both)
    return churns, expansions


def _values(frame: pd.DataFrame, column: str = "label") -> list[float | None]:
    return [None if pd.isna(v) else float(v) for v in frame[column]]


@pytest.mark.parametrize("event", ["end", "notice"])
@pytest.mark.parametrize("grace", [0, 30])
def test_outcomes_are_the_oracles(grace: int, event: str, open_tables: Open) -> None:
    met: tuple[set, set] = (set(), set())
    for seed in range(4):
        rows = make(Random(100 * grace + seed))
        history = _open(open_tables, rows, _settings(event, grace))
        assert history.report.failing == {}
        customers = {a: periods(rows, a, KNOWN_ON, grace, event) for a in ACCOUNTS}
        ours = churn_days(history, KNOWN_ON)
        assert [tuple(r) for r in ours.assign(churned_on=ours["churned_on"].dt.date).values.tolist()] == sorted(
            (a, p["left"], p["involuntary"]) for a, ps in customers.items() for p in ps if p["churn"]
        )
        churns, expansions = _outcomes(history)
        subs = {a: list(_known(rows, a, KNOWN_ON)) for a in ACCOUNTS}
        pairs = list(product(ACCOUNTS, ASKED))
        for h in HORIZONS:
            wanted = [churn_of(customers[a], d, h, grace + 5) for a, d in pairs]
            assert _values(churns[h]) == [label for label, _ in wanted]
            assert churns[h]["involuntary"].tolist() == [involuntary for _, involuntary in wanted]
            assert _values(expansions[h]) == [expansion_of(subs[a], customers[a], d, h, 5) for a, d in pairs]
            met[0].update(wanted)
            met[1].update(_values(expansions[h]))
        path = history.con.execute(f"SELECT account_id, from_on, mrr FROM {mrr_path(history, KNOWN_ON)}").fetchall()
        assert all(Fraction(mrr) == _at(subs[a], day)[0] for a, day, mrr in path)
    assert met == ({(None, False), (0.0, False), (1.0, False), (1.0, True)}, {None, 0.0, 1.0})


def _always(check: Callable[[Random], None], examples: int = 6) -> None:
    # A smaller seed is no simpler company, so there is nothing to shrink.
    @settings(max_examples=examples, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(seed=st.integers(0, 2**32 - 1))
    def holds(seed: int) -> None:
        check(Random(seed))

    holds()


def _rewrite(rng: Random, rows: list[Row]) -> list[Row]:
    """The same contracts as known before KNOWN_ON, others from then on."""
    changed = []
    for row in rows:
        row = dict(row)
        if max(row["started_on"], row["recorded_at"] or dt.date.min) >= KNOWN_ON:
            continue
        for column in LATE:
            if not row[column] or (row[f"{column}_recorded_at"] or row[column]) >= KNOWN_ON:
                # Whatever comes now was recorded now, though some of it lies far back.
                day = rng.choice((None, row["started_on"] + _days(rng.randint(0, 300))))
                row[column], row[f"{column}_recorded_at"] = day, KNOWN_ON + _days(rng.randint(0, 99)) if day else None
                if column == "ended_on":
                    row["end_reason"] = rng.choice(REASONS) if day else None
        if row["notice_withdrawn_on"] and row["notice_on"]:
            row["notice_withdrawn_on"] = max(row["notice_on"], row["notice_withdrawn_on"])
        changed.append(row)
    for row in make(rng):
        recorded = KNOWN_ON + _days(rng.randint(0, 9))
        changed.append(row | {"subscription_id": f"new {row['subscription_id']}", "recorded_at": recorded})
    return changed


@pytest.mark.parametrize("event", ["end", "notice"])
def test_what_becomes_known_later_changes_nothing(event: str, open_tables: Open) -> None:
    def check(rng: Random) -> None:
        rows, choice = make(rng), _settings(event, lag=None)
        before, after = (_open(open_tables, r, choice) for r in (rows, _rewrite(rng, rows)))
        assert recording_lag(before, KNOWN_ON) == recording_lag(after, KNOWN_ON)
        for ours, theirs in zip(_outcomes(before), _outcomes(after), strict=True):
            for h in HORIZONS:
                pd.testing.assert_frame_equal(ours[h], theirs[h], check_exact=True)

    _always(check)


def test_the_rewriting_is_seen_on_a_later_day(open_tables: Open) -> None:
    rng = Random(1)
    rows = make(rng)
    two = [churn_days(_open(open_tables, r, _settings()), KNOWN_ON + _days(200)) for r in (rows, _rewrite(rng, rows))]
    assert len(two[0]) != len(two[1])


@pytest.mark.parametrize("event", ["end", "notice"])
def test_order_of_rows_and_the_calendar_change_nothing(event: str, open_tables: Open) -> None:
    def check(rng: Random) -> None:
        rows, choice, shift = make(rng), _settings(event), rng.choice((-366, -1, 1, 59, 1000))
        moved = [{k: v + _days(shift) if isinstance(v, dt.date) else v for k, v in r.items()} for r in rows]
        found = _outcomes(_open(open_tables, rows, choice))
        shuffled = _outcomes(_open(open_tables, rng.sample(rows, len(rows)), choice))
        later = _outcomes(_open(open_tables, moved, choice), shift)
        for ours, others, thens in zip(found, shuffled, later, strict=True):
            for h in HORIZONS:
                pd.testing.assert_frame_equal(ours[h], others[h], check_exact=True)
                assert _values(ours[h]) == _values(thens[h])

    _always(check, 4)


@pytest.mark.parametrize("event", ["end", "notice"])
def test_parts_sum_to_churn_and_no_label_falls_with_the_horizon(event: str, open_tables: Open) -> None:
    def check(rng: Random) -> None:
        churns, expansions = _outcomes(_open(open_tables, make(rng), _settings(event)))
        for frame in churns.values():
            parts = frame["label_voluntary"] + frame["label_involuntary"]
            pd.testing.assert_series_equal(parts, frame["label"], check_names=False)
        for frames in (churns, expansions):
            for column in [c for c in frames[1].columns if c.startswith("label")]:
                for short, long in pairwise(HORIZONS):
                    assert not (frames[short][column] > frames[long][column]).any()

    _always(check, 4)


@pytest.mark.parametrize("event", ["end", "notice"])
def test_without_late_records_a_label_is_final_and_no_row_of_the_cohort_lacks_it(event: str, open_tables: Open) -> None:
    def check(rng: Random) -> None:
        history = _open(open_tables, make(rng, stamped=False), _settings(event, lag=0))
        asked = pd.DataFrame(product(ACCOUNTS, map(pd.Timestamp, ASKED[18:30:3])), columns=["account_id", "as_of"])
        for made in (churn_labels_by_horizon, expansion_labels_by_horizon):
            now, later = (made(history, asked, (30, 90), KNOWN_ON + _days(n)) for n in (0, 500))
            # A notice may still be withdrawn, and the label with it.
            for h in (30, 90) if event == "end" else ():
                first = now[h][now[h]["label"].notna()]
                pd.testing.assert_frame_equal(first, later[h].loc[first.index], check_exact=True)
        labels = churn_labels_by_horizon(history, asked, (30,), KNOWN_ON)[30]["label"]
        for day in asked["as_of"].dt.date.unique():
            statuses = account_statuses(history, day).set_index("account_id")["status"]
            here = asked["as_of"].dt.date == day
            assert labels[here & (asked["account_id"].map(statuses) == "ok")].notna().all()

    _always(check, 4)
