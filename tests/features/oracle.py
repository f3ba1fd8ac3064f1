"""An oracle: features, statuses and churn labels in plain loops over rows, sharing no code with the pipeline.

It takes the tables that `company.make` makes, all of whose rows are right, and reads DESIGN.md sections 3 and 4
word by word; where a loop can be slow and plain, it is.
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Callable
from statistics import median
from typing import Any

Row = dict[str, Any]
Tables = dict[str, list[Row]]

EVENT = {"accounts": "created_on", "users": "created_on", "subscriptions": "started_on", "usage": "day",
         "tickets": "opened_at", "invoices": "issued_on", "payments": "attempted_at", "cards": "added_on",
         "surveys": "responded_at"}  # fmt: skip
LATE = {
    "users": [("deactivated_on", "deactivated_on")],
    "subscriptions": [("ended_on", "ended_on"), ("end_reason", "ended_on"), ("notice_on", "notice_on")],
    "tickets": [("resolved_at", "resolved_at"), ("csat", "csat_at")],
    "invoices": [("paid_on", "paid_on"), ("voided_on", "voided_on")],
}


def _moment(value: Any) -> dt.datetime:
    return value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())


def _day(value: Any) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value


def seen(tables: Tables, table: str, as_of: dt.date) -> list[Row]:
    """The rows that somebody had at the start of a day, with later columns blank until their time."""
    midnight = _moment(as_of)
    rows = []
    for row in tables.get(table, []):
        if _moment(row[EVENT[table]]) >= midnight or (row.get("recorded_at") and row["recorded_at"] >= midnight):
            continue
        row = dict(row)
        for column, source in LATE.get(table, []):
            when = row.get(f"{column}_recorded_at") or row.get(f"{source}_recorded_at") or row.get(source)
            row[f"hide {column}"] = when is None or _moment(when) >= midnight
        for column, _ in LATE.get(table, []):
            if row[f"hide {column}"]:
                row[column] = None
        rows.append(row)
    return rows


def add_months(day: dt.date, months: int) -> dt.date:
    """The same day of a later month, or that month's last day."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return dt.date(year, month, min(day.day, monthrange(year, month)[1]))


def _renewal(sub: Row, as_of: dt.date) -> dt.date | None:
    term = sub["term_months"]
    first = sub["renews_on"] or (add_months(sub["started_on"], term) if term else None)
    if first is None or first >= as_of:
        return first
    if not term:
        return None
    months = 0
    while add_months(first, months) < as_of:
        months += term
    return add_months(first, months)


def _active(subs: list[Row], day: dt.date) -> list[Row]:
    return [s for s in subs if s["started_on"] < day and (s["ended_on"] is None or s["ended_on"] >= day)]


def _leaving(sub: Row, as_of: dt.date) -> bool:
    if sub["notice_on"]:
        return True
    return bool(sub["ended_on"] and sub["ended_on"] >= as_of and sub["end_reason"] != "superseded")


def statuses(tables: Tables, as_of: dt.date) -> dict[str, str]:
    """ok, notice_given, churned or insufficient_data for every account known at a day."""
    found = {}
    for account in seen(tables, "accounts", as_of):
        subs = _paid(tables, account["account_id"], as_of)
        active = _active(subs, as_of)
        if active:
            all_leave = all(_leaving(s, as_of) for s in active)
            found[account["account_id"]] = "notice_given" if all_leave else "ok"
        else:
            found[account["account_id"]] = "churned" if subs else "insufficient_data"
    return found


def _paid(tables: Tables, account: str, as_of: dt.date) -> list[Row]:
    return [s for s in seen(tables, "subscriptions", as_of) if s["account_id"] == account and not s["trial"]]


def _ratio(top: Any, bottom: Any) -> float | None:
    return float(top) / float(bottom) if top is not None and bottom else None


def _change(now: Any, before: Any) -> float | None:
    return float(now) / float(before) - 1 if now is not None and before else None


def _total(values: list[Any]) -> Any:
    """A sum, 0 without rows, missing where there are rows and none has a value."""
    known = [v for v in values if v is not None]
    return sum(known) if known or not values else None


def _mean(values: list[Any]) -> float | None:
    known = [v for v in values if v is not None]
    return float(sum(known)) / len(known) if known else None


def features(tables: Tables, as_of: dt.date) -> dict[str, dict[str, Any]]:
    """Every feature of every cohort account, None where missing."""
    in_cohort = [a for a, status in statuses(tables, as_of).items() if status == "ok"]
    return {a: _account_features(tables, a, as_of) for a in sorted(in_cohort)}


def _account_features(tables: Tables, account: str, as_of: dt.date) -> dict[str, Any]:
    visible: dict[str, list[Row]] = {}

    def rows(table: str, days: int | None = None, until: int = 0, at: str | None = None) -> list[Row]:
        if table not in visible:
            visible[table] = [r for r in seen(tables, table, as_of) if r["account_id"] == account]
        column = at or EVENT[table]
        last = as_of - dt.timedelta(days=until)
        first = dt.date.min if days is None else last - dt.timedelta(days=days)
        return [r for r in visible[table] if r[column] is not None and first <= _day(r[column]) < last]

    found = _state(tables, account, as_of)
    seats, mrr = found["seats"], found["mrr"]
    _usage(found, rows, seats, as_of)

    tickets = rows("tickets", 180)
    found["tickets_90d"] = len(rows("tickets", 90))
    found["tickets_28d"] = len(rows("tickets", 28))
    found["tickets_per_seat_90d"] = _ratio(found["tickets_90d"], seats)
    found["urgent_tickets_90d"] = sum(r["priority"] in ("high", "urgent") for r in rows("tickets", 90))
    found["tickets_open"] = sum(r["resolved_at"] is None for r in rows("tickets"))
    hours = [(r["resolved_at"] - r["opened_at"]).total_seconds() / 3600 for r in tickets if r["resolved_at"]]
    found["resolution_hours_180d"] = median(hours) if hours else None
    found["ticket_csat_180d"] = _mean([r["csat"] for r in tickets])

    standing = [r for r in rows("invoices") if r["voided_on"] is None]
    overdue = [r["amount"] for r in standing if r["paid_on"] is None and r["due_on"] < as_of]
    found["overdue_invoices"], found["overdue_amount"] = len(overdue), sum(overdue)
    paid = [r for r in rows("invoices", 180, at="paid_on") if r["voided_on"] is None]
    found["late_invoices_180d"] = sum(r["paid_on"] > r["due_on"] for r in paid)
    found["failed_payments_90d"] = sum(not r["succeeded"] for r in rows("payments", 90))
    found["failed_payments_28d"] = sum(not r["succeeded"] for r in rows("payments", 28))
    cards = sorted((r["added_on"], r["expires_on"]) for r in rows("cards"))
    found["days_to_card_expiry"] = (cards[-1][1] - as_of).days if cards else None

    nps = sorted((r["responded_at"], r["score"]) for r in rows("surveys", 365) if r["kind"] == "nps")
    found["nps_latest"] = nps[-1][1] if nps else None
    found["nps_mean_180d"] = _mean([r["score"] for r in rows("surveys", 180) if r["kind"] == "nps"])
    found["nps_detractor_share_365d"] = _ratio(sum(score <= 6 for _, score in nps), len(nps))
    found["csat_mean_180d"] = _mean([r["score"] for r in rows("surveys", 180) if r["kind"] == "csat"])
    answers = [_day(r["responded_at"]) for r in rows("surveys")]
    found["days_since_survey"] = (as_of - max(answers)).days if answers else None

    champions = [r for r in rows("users") if r["role"] == "champion"]
    found["champions"] = sum(r["deactivated_on"] is None for r in champions)
    found["champions_left_180d"] = sum(r["role"] == "champion" for r in rows("users", 180, at="deactivated_on"))
    found["new_users_90d"] = len(rows("users", 90))
    found["mrr_per_seat"] = _ratio(mrr, seats)
    return found


def _usage(found: dict[str, Any], rows: Callable[..., list[Row]], seats: Any, as_of: dt.date) -> None:
    def people(some: list[Row]) -> int:
        return len({r["user_id"] for r in some if r["user_id"]})

    def used(*window: int, **more: int) -> list[Row]:
        return [r for r in rows("usage", *window, **more) if r["events"] > 0]

    ever, week, month = used(), used(7), used(28)
    before, quarter = used(28, until=28), used(84)
    events, events_before = sum(r["events"] for r in month), sum(r["events"] for r in before)
    kinds, kinds_before = {r["feature"] for r in month}, {r["feature"] for r in before}
    found["seats_used_share"] = _ratio(people(month), seats)
    found["users_ever_active_share"] = _ratio(people(ever), len(rows("users")))
    found["features_used_28d"], found["features_used_change"] = len(kinds), len(kinds) - len(kinds_before)
    found["active_days_28d"] = len({r["day"] for r in month})
    found["active_days_7d"] = len({r["day"] for r in week})
    found["days_since_last_use"] = (as_of - max(r["day"] for r in ever)).days if ever else None
    found["active_users_7d"], found["active_users_28d"] = people(week), people(month)
    found["active_users_before"] = people(before)
    found["active_users_change"] = _change(people(month), people(before))
    found["weekly_of_monthly_users"] = _ratio(people(week), people(month))
    found["events_28d"], found["events_before"] = events, events_before
    found["events_change"] = _change(events, events_before)
    found["events_week_of_quarter"] = _ratio(sum(r["events"] for r in week), sum(r["events"] for r in quarter))
    found["events_per_user_28d"] = _ratio(events, people(month))
    found["minutes_per_user_28d"] = _ratio(_total([r["minutes"] for r in month]), people(month))


def _state(tables: Tables, account: str, as_of: dt.date) -> dict[str, Any]:
    """What the account buys at a day, its largest subscription standing for plan, term and renewal."""
    subs = _paid(tables, account, as_of)
    active = _active(subs, as_of)
    largest = sorted(active, key=lambda s: (-s["mrr"], s["subscription_id"]))[0]
    mrr = sum(s["mrr"] for s in active)
    seats = [s["seats"] for s in active if s["seats"] is not None]
    first = min(s["started_on"] for s in subs)
    half_a_year_ago = as_of - dt.timedelta(days=180)
    mrr_before = sum(s["mrr"] for s in _active(subs, half_a_year_ago))
    renewal = _renewal(largest, as_of)
    who = next(a for a in tables["accounts"] if a["account_id"] == account)
    return {
        "mrr": mrr,
        "seats": sum(seats) if seats else None,
        "plan": largest["plan"],
        "term_months": largest["term_months"],
        "days_to_renewal": (renewal - as_of).days if renewal else None,
        "tenure_days": (as_of - first).days,
        "mrr_change_180d": _change(mrr, mrr_before),
        "segment": who["segment"],
        "industry": who["industry"],
        "region": who["region"],
    }


def _leaves_on(sub: Row, known_on: dt.date, event: str) -> dt.date | None:
    """The day a subscription is over, if it is; one under notice, where that counts, is over at its end or now."""
    if sub["ended_on"] and sub["ended_on"] < known_on:
        return sub["ended_on"]
    if event == "notice" and sub["notice_on"]:
        return sub["ended_on"] or known_on
    return None


def churns(tables: Tables, known_on: dt.date, grace: int, event: str = "end") -> list[tuple[str, dt.date, bool]]:
    """Every (account, day of churn, wholly involuntary) that is known at a day."""
    found = set()
    for account in {s["account_id"] for s in tables["subscriptions"]}:
        subs = [(s, _leaves_on(s, known_on, event)) for s in _paid(tables, account, known_on)]
        for end in {leaves for _, leaves in subs if leaves}:
            ending = [s for s, leaves in subs if leaves == end]
            gone = [s for s in ending if s["end_reason"] in (None, "voluntary", "involuntary")]
            after = [end + dt.timedelta(days=n) for n in range(max(grace, 1))]
            back = any(s["started_on"] <= d and (not leaves or leaves > d) for s, leaves in subs for d in after)
            if gone and not back:
                notices = [s["notice_on"] for s in gone if s["notice_on"]] if event == "notice" else []
                found.add((account, min([end, *notices]), all(s["end_reason"] == "involuntary" for s in gone)))
    return sorted(found)


def label(
    known_churns: list[tuple[str, dt.date, bool]],
    account: str,
    as_of: dt.date,
    *,
    horizon: int,
    wait: int,
    known_on: dt.date,
) -> tuple[float | None, dt.date | None, bool]:
    """(1, 0 or None, day of the churn, involuntary) of one account and day; `wait` is horizon + grace + lag."""
    if as_of + dt.timedelta(days=wait) > known_on:
        return None, None, False
    for who, day, involuntary in known_churns:
        if who == account and as_of <= day < as_of + dt.timedelta(days=horizon):
            return 1.0, day, involuntary
    return 0.0, None, False
