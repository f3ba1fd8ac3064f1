"""An oracle: features and statuses in plain loops over rows, sharing no code with the pipeline.

It takes the tables that `company.make` makes, all of whose rows are right, and reads DESIGN.md sections 3 and 4 and
each feature's own sentence word by word; where a loop can be slow and plain, it is. Labels have an oracle of their own
in `test_outcomes.py`.
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Callable
from statistics import median
from typing import Any

Row = dict[str, Any]
Tables = dict[str, list[Row]]

GRACE = 30
EVENT = {"accounts": "created_on", "users": "created_on", "subscriptions": "started_on", "usage": "day",
         "tickets": "opened_at", "invoices": "issued_on", "payments": "attempted_at", "cards": "added_on",
         "surveys": "responded_at", "touches": "occurred_at", "assignments": "from_on",
         "advocacy": "occurred_on"}  # fmt: skip
LATE = {
    "accounts": {"sold_on": "sold_on", "sold_by": "sold_on"},
    "users": {"deactivated_on": "deactivated_on"},
    "subscriptions": {"ended_on": "ended_on", "end_reason": "ended_on", "notice_on": "notice_on",
                      "notice_withdrawn_on": "notice_withdrawn_on"},
    "milestones": {"reached_on": "reached_on"},
    "tickets": {"first_response_at": "first_response_at", "resolved_at": "resolved_at", "reopened_at": "reopened_at",
                "escalated_at": "escalated_at", "csat": "csat_at", "csat_at": "csat_at"},
    "invoices": {"paid_on": "paid_on", "voided_on": "voided_on"},
    "assignments": {"to_on": "to_on"},
}  # fmt: skip
"""By table, each column that is filled in later with the column that says when."""


def _moment(value: Any) -> dt.datetime:
    return value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())


def _day(value: Any) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value


def _days(n: int) -> dt.timedelta:
    return dt.timedelta(days=n)


def seen(tables: Tables, table: str, as_of: dt.date) -> list[Row]:
    """The rows that somebody had at the start of a day, with later columns blank until their time."""
    midnight = _moment(as_of)
    rows = []
    for row in tables.get(table, []):
        if row.get("recorded_at") and row["recorded_at"] >= midnight:
            continue
        row = dict(row)
        for column, source in LATE.get(table, {}).items():
            when = row.get(f"{column}_recorded_at") or row.get(f"{source}_recorded_at") or row.get(source)
            row[f"hide {column}"] = when is None or _moment(when) >= midnight
        for column in LATE.get(table, {}):
            if row[f"hide {column}"]:
                row[column] = None
        if table == "milestones":
            # A plan without a date is known by its record; else once it is due or reached.
            dates = [row[c] for c in ("due_on", "reached_on") if row[c]]
            there = any(_moment(d) < midnight for d in dates) or (row["recorded_at"] and not row["due_on"])
        elif table == "entitlements":
            there = True
        else:
            there = _moment(row[EVENT[table]]) < midnight
        if there:
            rows.append(row)
    return _versions(rows, table, as_of)


def _versions(rows: list[Row], table: str, as_of: dt.date) -> list[Row]:
    """Of dated versions of one thing the latest that is valid; before the first one nothing is known of it."""
    key = {"accounts": "account_id", "users": "user_id"}.get(table)
    if key is None:
        return rows
    found = []
    for name in sorted({r[key] for r in rows}):
        own = sorted((r for r in rows if r[key] == name), key=lambda r: r["valid_from"] or dt.date.min)
        valid = [r for r in own if r["valid_from"] is None or r["valid_from"] < as_of]
        blank = {c: None for c in own[0] if c not in ("account_id", "user_id", "created_on", *LATE[table])}
        found.append(valid[-1] if valid else own[0] | blank)
    return found


def add_months(day: dt.date, months: int) -> dt.date:
    """The same day of a later month, or that month's last day."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return dt.date(year, month, min(day.day, monthrange(year, month)[1]))


def _renewal(sub: Row, as_of: dt.date) -> dt.date | None:
    # Without a first renewal it is rolled from the start, or a start on the 31st would be forgotten.
    first, term = sub["renews_on"] or sub["started_on"], sub["term_months"]
    if not term:
        return first if sub["renews_on"] and first >= as_of else None
    months = 0
    while add_months(first, months) < as_of:
        months += term
    return add_months(first, months)


def _active(subs: list[Row], day: dt.date) -> list[Row]:
    return [s for s in subs if s["started_on"] < day and (s["ended_on"] is None or s["ended_on"] >= day)]


def _leaving(sub: Row, as_of: dt.date) -> bool:
    if sub["notice_on"] and not sub["notice_withdrawn_on"]:
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


def _subscriptions(tables: Tables, account: str, as_of: dt.date) -> list[Row]:
    return [s for s in seen(tables, "subscriptions", as_of) if s["account_id"] == account]


def _paid(tables: Tables, account: str, as_of: dt.date) -> list[Row]:
    return [s for s in _subscriptions(tables, account, as_of) if not s["trial"]]


def _ratio(top: Any, bottom: Any) -> float | None:
    return float(top) / float(bottom) if top is not None and bottom else None


def _change(now: Any, before: Any) -> float | None:
    return float(now) / float(before) - 1 if now is not None and before else None


def _less(left: Any, right: Any) -> Any:
    return None if left is None or right is None else left - right


def _total(values: list[Any]) -> Any:
    """A sum, 0 without rows, missing where there are rows and none has a value."""
    known = [v for v in values if v is not None]
    return sum(known) if known or not values else None


def _mean(values: list[Any]) -> float | None:
    known = [v for v in values if v is not None]
    return float(sum(known)) / len(known) if known else None


def _median_hours(rows: list[Row], start: str, end: str) -> float | None:
    seconds = [(_moment(r[end]) - _moment(r[start])).total_seconds() for r in rows if r[end]]
    return median(seconds) / 3600 if seconds else None


class View:
    """What was known of one account, and of the whole company, at the start of a day."""

    def __init__(self, tables: Tables, account: str, as_of: dt.date) -> None:
        self.account, self.as_of = account, as_of
        self.all = {name: seen(tables, name, as_of) for name in (*EVENT, "milestones", "entitlements")}
        self.known = {a["account_id"] for a in self.all["accounts"]}
        self.paid = _paid(tables, account, as_of)
        self.trials = [s for s in _subscriptions(tables, account, as_of) if s["trial"]]
        self.active = _active(self.paid, as_of)
        self.first_paid = min(s["started_on"] for s in self.paid)
        self.roles = {u["user_id"]: u["role"] for u in self.rows("users")}

    def rows(self, table: str, days: int | None = None, until: int = 0, at: str | None = None) -> list[Row]:
        """The account's rows in `[as_of - until - days, as_of - until)`."""
        own = [r for r in self.all[table] if r["account_id"] == self.account]
        column = at or EVENT.get(table)
        if column is None:
            return own
        last = self.as_of - _days(until)
        first = dt.date.min if days is None else last - _days(days)
        return [r for r in own if r[column] is not None and first <= _day(r[column]) < last]

    def used(self, days: int | None = None, until: int = 0) -> list[Row]:
        return [r for r in self.rows("usage", days, until) if r["events"] > 0]

    def people(self, days: int | None = None, until: int = 0) -> set[str]:
        return {r["user_id"] for r in self.used(days, until) if r["user_id"]}

    def events(self, days: int, until: int = 0) -> int:
        return sum(r["events"] for r in self.used(days, until))

    def kinds(self, days: int | None = None, until: int = 0) -> set[str]:
        return {r["feature"] for r in self.used(days, until)}

    def observed(self, table: str, days: int) -> bool:
        """Whether the table's records, and the account as a customer, reach back so many days."""
        begins = self.as_of - _days(days)
        records = [_moment(r[EVENT[table]]) for r in self.all[table] if r["account_id"] in self.known]
        return bool(records) and min(records) <= _moment(begins) and self.first_paid <= begins

    def since(self, rows: list[Row], column: str) -> int | None:
        """Whole days from the latest row."""
        return (self.as_of - max(_day(r[column]) for r in rows)).days if rows else None

    def age(self, rows: list[Row], column: str) -> int | None:
        """Whole days from the earliest row."""
        return (self.as_of - min(_day(r[column]) for r in rows)).days if rows else None


def features(tables: Tables, as_of: dt.date) -> dict[str, dict[str, Any]]:
    """Every feature of every cohort account, None where missing."""
    in_cohort = [a for a, status in statuses(tables, as_of).items() if status == "ok"]
    found = {}
    for account in sorted(in_cohort):
        view = View(tables, account, as_of)
        found[account] = _contract(view)
        for part in (_changes, _adoption, _engagement, _support, _billing, _sentiment, _people, _care):
            part(view, found[account])
    return found


def _one_currency(subs: list[Row]) -> bool:
    return len({s["currency"].upper() for s in subs if s["currency"]}) <= 1


def _mrr(subs: list[Row]) -> Any:
    return sum(s["mrr"] for s in subs) if _one_currency(subs) else None


def _seats(subs: list[Row]) -> int | None:
    seats = [s["seats"] for s in subs if s["seats"] is not None]
    return sum(seats) if seats else None


def _contract(view: View) -> dict[str, Any]:
    """What the account is and buys, its largest subscription standing for plan, term and renewal."""
    [who] = view.rows("accounts")
    as_of, active = view.as_of, view.active
    largest = sorted(active, key=lambda s: (-s["mrr"], s["subscription_id"], -s["started_on"].toordinal()))[0]
    mrr, seats, renewal = _mrr(active), _seats(active), _renewal(largest, as_of)
    back, returns = _run(view.paid, as_of)
    found = {c: who[c] for c in ("segment", "industry", "region", "touch_model", "employees")}
    return found | {
        "strategic": None if who["strategic"] is None else int(who["strategic"]),
        "mrr": mrr,
        "seats": seats,
        "mrr_per_seat": _ratio(mrr, seats),
        "plan": largest["plan"],
        "term_months": largest["term_months"],
        "days_to_renewal": (renewal - as_of).days if renewal else None,
        "tenure_days": (as_of - view.first_paid).days,
        "renewals_completed": _renewals(view.paid, back, as_of),
        "returns": returns,
        "trialed": int(any(s["started_on"] < view.first_paid for s in view.trials)),
    }


def _run(paid: list[Row], as_of: dt.date) -> tuple[dt.date, int]:
    """The start of the present unbroken run of subscriptions, and how often the account came back before it."""
    starts: list[dt.date] = []
    day, quiet = min(s["started_on"] for s in paid), GRACE
    while day < as_of:
        if any(s["started_on"] == day for s in paid) and quiet >= GRACE:
            starts.append(day)
        # A subscription that starts and ends on one day was there on that day.
        there = any(
            s["started_on"] <= day and (s["ended_on"] is None or day < max(s["ended_on"], s["started_on"]))
            for s in paid
        )
        quiet = 0 if there else quiet + 1
        day += _days(1)
    return starts[-1], len(starts) - 1


def _renewals(paid: list[Row], back: dt.date, as_of: dt.date) -> int | None:
    """Renewal dates of the present run that have passed and that the subscription lived to see."""
    timed = [s for s in paid if s["started_on"] >= back and s["term_months"]]
    dates = set()
    for sub in timed:
        months, date = 0, sub["renews_on"] or sub["started_on"]
        while date < as_of:
            if date > sub["started_on"] and (sub["ended_on"] is None or date <= sub["ended_on"]):
                dates.add(date)
            months += sub["term_months"]
            date = add_months(sub["renews_on"] or sub["started_on"], months)
    return len(dates) if timed else None


def _changes(view: View, found: dict[str, Any]) -> None:
    """Growth of what the account pays."""
    then = view.as_of - _days(180)
    before = _active(view.paid, then)
    was_customer = view.first_paid < then
    mrr_before = _mrr(before) if was_customer and _one_currency(before + view.active) else None
    seats_before = _seats(before) if was_customer else None
    found["mrr_change_180d"] = _change(found["mrr"], mrr_before)
    found["seats_change_180d"] = _change(found["seats"], seats_before)
    found["price_change_180d"] = _change(found["mrr_per_seat"], _ratio(mrr_before, seats_before))
    ups = downs = 0
    for n in range(1, 366):
        day = view.as_of - _days(n)
        ending = [s for s in view.paid if s["ended_on"] == day and s["end_reason"] == "superseded"]
        starting = [s for s in view.paid if s["started_on"] == day]
        if ending and starting and _one_currency(ending + starting):
            rise = _mrr(starting) - _mrr(ending)
            ups, downs = ups + (rise > 0), downs + (rise < 0)
    found["upgrades_365d"], found["downgrades_365d"] = ups, downs


def _adoption(view: View, found: dict[str, Any]) -> None:
    users, month = view.rows("users"), view.people(28)
    here = [u for u in users if u["deactivated_on"] is None]
    found["seats_used_share"] = _ratio(len(month), found["seats"])
    found["users_ever_active_share"] = _ratio(len(view.people() & set(view.roles)), len(users))
    found["registered_active_share_28d"] = _ratio(len(month & set(view.roles)), len(here))
    found["features_used_28d"] = len(view.kinds(28))
    found["features_used_change"] = len(view.kinds(28)) - len(view.kinds(28, 28))
    found["new_features_90d"] = len(view.kinds() - view.kinds(until=90))

    plans = {s["plan"] for s in view.active}
    includes = [e for e in view.all["entitlements"] if e["plan"] in plans]
    named = plans <= {e["plan"] for e in includes}
    entitled, core = {e["feature"] for e in includes}, {e["feature"] for e in includes if e["core"]}
    found["entitled_features_share_28d"] = _ratio(len(view.kinds(28) & entitled), len(entitled)) if named else None
    found["core_features_share_28d"] = _ratio(len(view.kinds(28) & core), len(core)) if named else None
    shares = []
    for feature in entitled:
        limits = [e["monthly_limit"] for e in includes if e["feature"] == feature]
        if None not in limits and sum(limits) > 0:
            shares.append(sum(r["events"] for r in view.used(30) if r["feature"] == feature) / float(sum(limits)))
    found["limit_used_share_30d"] = max(shares) if shares and named else None

    milestones = view.rows("milestones")
    reached = [r for r in milestones if r["reached_on"] and r["reached_on"] < view.as_of]
    overdue = [r for r in milestones if r["due_on"] and r["due_on"] < view.as_of and r["reached_on"] is None]
    found["milestones_overdue"] = len(overdue)
    found["milestones_reached_share"] = _ratio(len(reached), len(milestones))
    lived = view.age([r for r in reached if r["kind"] in ("live", "goal")], "reached_on")
    found["days_to_first_value"] = _less(found["tenure_days"], lived)


def _engagement(view: View, found: dict[str, Any]) -> None:
    week, month, before = len(view.people(7)), len(view.people(28)), len(view.people(28, 28))
    for days in (7, 28):
        found[f"active_days_{days}d"] = len({r["day"] for r in view.used(days)})
    found["days_since_last_use"] = view.since(view.used(), "day")
    found["active_users_7d"], found["active_users_28d"], found["active_users_before"] = week, month, before
    found["active_users_change"], found["weekly_of_monthly_users"] = _change(month, before), _ratio(week, month)
    days_of = [{r["day"] for r in view.used(28) if r["user_id"] == user} for user in view.people(28)]
    found["power_user_share_28d"] = _ratio(sum(len(days) >= 12 for days in days_of), month)
    events, quarter = view.events(28), view.events(84)
    found["events_28d"], found["events_before"] = events, view.events(28, 28)
    found["events_change"] = _change(events, view.events(28, 28))
    found["events_week_of_quarter"] = _ratio(view.events(7), quarter)
    found["events_quarter_change"] = _change(quarter, view.events(84, 84) if view.observed("usage", 168) else None)
    found["events_year_change"] = _change(events, view.events(28, 364) if view.observed("usage", 392) else None)
    found["events_per_user_28d"], found["events_per_seat_28d"] = _ratio(events, month), _ratio(events, found["seats"])
    found["minutes_per_user_28d"] = _ratio(_total([r["minutes"] for r in view.used(28)]), month)


def _support(view: View, found: dict[str, Any]) -> None:
    quarter, half, ever = view.rows("tickets", 90), view.rows("tickets", 180), view.rows("tickets")
    before = len(view.rows("tickets", 90, 90)) if view.observed("tickets", 180) else None
    unsolved = [r for r in ever if r["resolved_at"] is None]
    found["tickets_28d"], found["tickets_90d"] = len(view.rows("tickets", 28)), len(quarter)
    found["tickets_open"] = len(unsolved)
    found["tickets_per_seat_90d"] = _ratio(len(quarter), found["seats"])
    found["tickets_change_90d"] = _change(len(quarter), before)
    found["urgent_ticket_share_180d"] = _ratio(sum(r["priority"] in ("high", "urgent") for r in half), len(half))
    found["oldest_open_ticket_days"] = view.age(unsolved, "opened_at")
    found["unanswered_tickets"] = sum(r["first_response_at"] is None for r in unsolved)
    found["escalated_tickets_180d"] = len(view.rows("tickets", 180, at="escalated_at"))
    found["reopened_tickets_180d"] = len(view.rows("tickets", 180, at="reopened_at"))
    found["first_response_hours_180d"] = _median_hours(half, "opened_at", "first_response_at")
    found["resolution_hours_180d"] = _median_hours(half, "opened_at", "resolved_at")
    found["ticket_csat_180d"] = _mean([r["csat"] for r in half])


def _billing(view: View, found: dict[str, Any]) -> None:
    standing = [r for r in view.rows("invoices") if r["voided_on"] is None]
    overdue = [r for r in standing if r["paid_on"] is None and r["due_on"] < view.as_of]
    paid = [r for r in view.rows("invoices", 180, at="paid_on") if r["voided_on"] is None]
    late = [r for r in paid if r["paid_on"] > r["due_on"]]
    found["overdue_invoices"], found["overdue_amount"] = len(overdue), sum(r["amount"] for r in overdue)
    found["overdue_of_mrr"] = _ratio(found["overdue_amount"], found["mrr"])
    found["oldest_overdue_days"] = view.age(overdue, "due_on")
    found["late_invoices_180d"] = len(late)
    found["late_payment_hours_180d"] = _median_hours(late, "due_on", "paid_on")
    failed = [r for r in view.rows("payments", 90) if not r["succeeded"]]
    found["failed_payments_90d"] = len(failed)
    for reason in ("hard_decline", "expired_card"):
        found[f"{reason}_failures_90d"] = sum(r["failure_reason"] == reason for r in failed)
    cards = sorted((r["added_on"], r["expires_on"]) for r in view.rows("cards"))
    found["days_to_card_expiry"] = (cards[-1][1] - view.as_of).days if cards else None


def _sentiment(view: View, found: dict[str, Any]) -> None:
    def answers(kind: str, days: int, until: int = 0) -> list[Row]:
        return [r for r in view.rows("surveys", days, until) if r["kind"] == kind]

    def mean(rows: list[Row]) -> float | None:
        return _mean([r["score"] for r in rows])

    def latest(rows: list[Row]) -> Any:
        return max((r["responded_at"], r["score"]) for r in rows)[1] if rows else None

    year = answers("nps", 365)
    found["nps_latest"], found["nps_mean_180d"] = latest(year), mean(answers("nps", 180))
    found["nps_change_180d"] = _less(mean(answers("nps", 180)), mean(answers("nps", 180, 180)))
    found["nps_promoter_share_365d"] = _ratio(sum(r["score"] >= 9 for r in year), len(year))
    found["nps_detractor_share_365d"] = _ratio(sum(r["score"] <= 6 for r in year), len(year))
    sponsors = [u for u, role in view.roles.items() if role in ("champion", "decision_maker")]
    found["nps_sponsors_365d"] = mean([r for r in year if r["user_id"] in sponsors])
    asked = ("nps", "csat", "ces")
    found["days_since_survey"] = view.since([r for r in view.rows("surveys") if r["kind"] in asked], "responded_at")
    found["csat_mean_180d"], found["ces_mean_180d"] = mean(answers("csat", 180)), mean(answers("ces", 180))
    found["csm_pulse_latest"] = latest(answers("csm_pulse", 180))
    found["days_since_sponsor_use"] = view.since([r for r in view.used() if r["user_id"] in sponsors], "day")


def _people(view: View, found: dict[str, Any]) -> None:
    def there(ago: int) -> int:
        left = view.rows("users", until=ago, at="deactivated_on")
        return len(view.rows("users", until=ago)) - len(left)

    def departments(ago: int) -> set[str]:
        return {u["department"] for u in view.rows("users", until=ago) if u["department"]}

    users, left = view.rows("users"), view.rows("users", 180, at="deactivated_on")
    for role, name in (("champion", "champions"), ("decision_maker", "decision_makers")):
        found[name] = sum(u["role"] == role and u["deactivated_on"] is None for u in users)
        found[f"{name}_left_180d"] = sum(u["role"] == role for u in left)
    found["new_users_90d"], found["users_change_90d"] = len(view.rows("users", 90)), _change(there(0), there(90))
    found["new_departments_180d"] = len(departments(0)) - len(departments(180))
    found["advocacy_365d"] = len(view.rows("advocacy", 365))


def _care(view: View, found: dict[str, Any]) -> None:
    """What CSMs do."""

    def since(test: Callable[[Row], bool]) -> int | None:
        return view.since([r for r in touches if test(r)], "occurred_at")

    touches, half = view.rows("touches"), view.rows("touches", 180)
    # A contact goes both ways when the account calls, or answers a call.
    found["days_since_two_way_contact"] = since(
        lambda r: r["direction"] == "in" or (r["direction"] == "out" and r["answered"] is True)
    )
    found["days_since_qbr"] = since(lambda r: r["kind"] == "qbr")
    found["touches_90d"] = len(view.rows("touches", 90))
    found["proactive_touch_share_180d"] = _ratio(sum(r["proactive"] is True for r in half), len(half))
    found["touch_satisfaction_365d"] = _mean([r["satisfaction"] for r in view.rows("touches", 365)])
    found["csm_changes_365d"] = len({r["csm_id"] for r in view.rows("assignments", 365)})
