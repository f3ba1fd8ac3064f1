"""Facts in plain loops: a company's rows as somebody had them at the start of a day in; what its facts must be out.

Nothing of the pipeline is used, and nothing of SQL.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

__all__ = ["expected"]

Row = dict[str, Any]
WORST = ("urgent", "high", "normal", "low")


def as_day(value: dt.date) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value


def text(value: dt.date | None) -> str | None:
    return None if value is None else as_day(value).isoformat()


def number(value: Any) -> Any:
    found = float(value)
    return int(found) if found.is_integer() else found


def known(**values: Any) -> Row:
    """Without what there is none of."""
    return {name: value for name, value in values.items() if value is not None}


def last(value: Any) -> tuple[bool, Any]:
    """Sorts None behind everything."""
    return (value is None, value if value is not None else 0)


def expected(tables: dict[str, list[Row]], account: str, day: dt.date) -> dict[str, Any]:
    """What the facts of an account say, but for those of its contract that other tests are about."""

    def since(days: int) -> dt.date:
        return day - dt.timedelta(days=days)

    def of(table: str) -> list[Row]:
        return [row for row in tables[table] if row["account_id"] == account]

    users = {row["user_id"]: row for row in _as_of(tables["users"], day) if row["account_id"] == account}
    return {
        **_contract(of("subscriptions"), day),
        "csm": _holding(of("assignments"), day, lambda row: {"id": row["csm_id"], "since": text(row["from_on"])}, {}),
        "arm": _holding(of("arms"), day, lambda row: row["arm"], None),
        "contact": _contact(of("touches"), since(90)),
        "sponsors": _sponsors(list(users.values()), since(365)),
        "users": _users(users, of("usage")),
        "milestones": _milestones(of("milestones"), since(90)),
        "tickets": _tickets(of("tickets"), since(90)),
        "invoices": _invoices(of("invoices"), day),
        "payments": _payments(of("payments"), since(90)),
        "card_expires_on": _card(of("cards"), day + dt.timedelta(days=60)),
        "surveys": _surveys(of("surveys"), users),
        "advocacy": _advocacy(of("advocacy"), since(365)),
        "exits": [
            {"reason": row["reason"], "on": text(row["asked_on"])}
            for row in sorted(of("exits"), key=lambda r: (-r["asked_on"].toordinal(), r["reason"]))[:3]
        ],
        "features": _features(tables, of("usage"), of("subscriptions"), day),
        "usage": _usage(of("usage"), day),
    }


def _as_of(rows: list[Row], day: dt.date) -> list[Row]:
    """Of each user the version that holds; before the first one nothing is known but that there is such a user."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["user_id"], []).append(row)
    kept = []
    for versions in found.values():
        valid = [row for row in versions if row["valid_from"] is None or as_day(row["valid_from"]) < day]
        if valid:
            kept.append(max(valid, key=lambda r: as_day(r["valid_from"]) if r["valid_from"] else dt.date.min))
        else:
            kept.append({**versions[0], "role": None})
    return kept


def _paid(rows: list[Row]) -> list[Row]:
    return [row for row in rows if not row["trial"]]


def _open(rows: list[Row], day: dt.date) -> list[Row]:
    return [
        r for r in rows if as_day(r["started_on"]) < day and (r["ended_on"] is None or as_day(r["ended_on"]) >= day)
    ]


def _contract(rows: list[Row], day: dt.date) -> Row:
    paid, then = _paid(rows), day - dt.timedelta(days=365)
    now, before = _open(paid, day), _open(paid, then)
    first = min((as_day(row["started_on"]) for row in paid), default=None)
    ends = [as_day(row["ended_on"]) for row in paid if row["ended_on"]]
    money = {row["currency"].strip().upper() for row in [*now, *before] if row["currency"]}
    year_ago = None
    if now and first is not None and first < then and len(money) <= 1:
        year_ago = number(sum(row["mrr"] for row in before))
    churned = text(max(ends)) if paid and not now else None
    return {
        "customer_since": text(first),
        "churned_on": churned,
        "mrr_year_ago": year_ago,
        "last_mrr": None if now else _last_mrr(paid),
    }


def _last_mrr(paid: list[Row]) -> Any:
    """What the subscriptions cost that ended last, together, of those that lasted a day."""
    lasted = [row for row in paid if row["ended_on"] and as_day(row["started_on"]) < as_day(row["ended_on"])]
    last_on = max((as_day(row["ended_on"]) for row in lasted), default=None)
    those = [row for row in lasted if as_day(row["ended_on"]) == last_on]
    if not those or len({row["currency"].strip().upper() for row in those if row["currency"]}) > 1:
        return None
    return number(sum(row["mrr"] for row in those))


def _holding(rows: list[Row], day: dt.date, say: Callable[[Row], Any], nothing: Any) -> Any:
    held = [r for r in rows if as_day(r["from_on"]) < day and (r["to_on"] is None or as_day(r["to_on"]) >= day)]
    name = "csm_id" if held and "csm_id" in held[0] else "arm"
    return say(min(held, key=lambda r: (-as_day(r["from_on"]).toordinal(), r[name]))) if held else nothing


def _contact(rows: list[Row], recent: dt.date) -> Row:
    def way(row: Row) -> str | None:
        if row["direction"] == "in":
            return "in"
        if row["direction"] != "out":
            return None
        return {True: "answered", False: "unanswered", None: "out"}[row["answered"]]

    names = ("kind", "csm_id", "direction", "answered", "minutes", "satisfaction")
    order = sorted(rows, key=lambda r: (dt.datetime.max - r["occurred_at"], *(last(r[name]) for name in names)))
    told: Row = {"count_90d": sum(as_day(row["occurred_at"]) >= recent for row in rows)}
    told["touches"] = [
        known(
            on=text(row["occurred_at"]),
            kind=row["kind"],
            way=way(row),
            csm=row["csm_id"],
            minutes=None if row["minutes"] is None else number(row["minutes"]),
            satisfaction=None if row["satisfaction"] is None else number(row["satisfaction"]),
        )
        for row in order[:5]
    ]
    both = [row for row in order if way(row) in ("in", "answered")]
    if both:
        told["two_way"] = known(on=text(both[0]["occurred_at"]), kind=both[0]["kind"], csm=both[0]["csm_id"])
    return told


def _sponsors(users: list[Row], recent: dt.date) -> Row:
    def here(role: str) -> Row:
        there = [row for row in users if row["role"] == role and row["deactivated_on"] is None]
        ids = [row["user_id"] for row in sorted(there, key=lambda r: (as_day(r["created_on"]), r["user_id"]))]
        return {"count": len(ids), "ids": ids[:3]}

    sponsors = [row for row in users if row["role"] in ("champion", "decision_maker")]
    gone = [row for row in sponsors if row["deactivated_on"] and as_day(row["deactivated_on"]) >= recent]
    gone.sort(key=lambda r: (-as_day(r["deactivated_on"]).toordinal(), r["user_id"]))
    left = [{"id": r["user_id"], "role": r["role"], "on": text(r["deactivated_on"])} for r in gone[:3]]
    return {"champions": here("champion"), "decision_makers": here("decision_maker"), "left": left}


def _users(users: dict[str, Row], usage: list[Row]) -> Row:
    used = {row["user_id"] for row in usage if row["events"] >= 1}
    staying = sum(row["deactivated_on"] is None for row in users.values())
    return {"registered": len(users), "staying": staying, "ever_used": len(used & set(users))}


def _milestones(rows: list[Row], recent: dt.date) -> Row:
    def told(row: Row, *names: str) -> Row:
        days = {name: text(row[name]) for name in names}
        return known(name=row["milestone"], kind=row["kind"], **days)

    ahead = [row for row in rows if row["reached_on"] is None]
    ahead.sort(key=lambda r: (-(as_day(r["due_on"]).toordinal() if r["due_on"] else 0), r["milestone"]))
    done = [row for row in rows if row["reached_on"] is not None]
    late = sorted(
        (row for row in done if as_day(row["reached_on"]) >= recent),
        key=lambda r: (-as_day(r["reached_on"]).toordinal(), r["milestone"]),
    )
    value = [as_day(row["reached_on"]) for row in done if row["kind"] in ("live", "goal")]
    return {
        "count": len(rows),
        "reached": len(done),
        "open": [told(row, "due_on") for row in ahead[:6]],
        "recent": [told(row, "due_on", "reached_on") for row in late[:4]],
        **known(first_value_on=text(min(value, default=None))),
    }


def _tickets(rows: list[Row], recent: dt.date) -> Row:
    still = [row for row in rows if row["resolved_at"] is None]
    came = [row for row in rows if as_day(row["opened_at"]) >= recent]
    worst = [p for p in WORST if any(row["priority"] == p for row in still)]
    other = sorted({row["priority"] for row in still if row["priority"] and row["priority"] not in WORST})
    return {
        "open": len(still),
        "escalated": sum(row["escalated_at"] is not None for row in still),
        "opened_90d": len(came),
        "urgent_90d": sum(row["priority"] in ("urgent", "high") for row in came),
        **known(
            oldest_open_on=text(min((row["opened_at"] for row in still), default=None)),
            worst=next(iter([*worst, *other]), None),
        ),
    }


def _invoices(rows: list[Row], day: dt.date) -> Row:
    late = [r for r in rows if r["paid_on"] is None and r["voided_on"] is None and as_day(r["due_on"]) < day]
    if not late:
        return {"overdue": 0}
    oldest = text(min(as_day(row["due_on"]) for row in late))
    return {"overdue": len(late), "amount": number(sum(row["amount"] for row in late)), "oldest_due_on": oldest}


def _payments(rows: list[Row], recent: dt.date) -> Row:
    failed, good = [r for r in rows if not r["succeeded"]], [r for r in rows if r["succeeded"]]
    if not failed:
        return {"failed_90d": 0}
    newest = max(row["attempted_at"] for row in failed)
    why = max(((r["attempted_at"], r["failure_reason"]) for r in failed if r["failure_reason"]), default=(None, None))
    return {
        "failed_90d": sum(as_day(row["attempted_at"]) >= recent for row in failed),
        "last_failed_on": text(newest),
        "paid_since": any(row["attempted_at"] > newest for row in good),
        **known(reason=why[1]),
    }


def _card(rows: list[Row], soon: dt.date) -> str | None:
    if not rows:
        return None
    newest = max(as_day(row["added_on"]) for row in rows)
    expires = max(as_day(row["expires_on"]) for row in rows if as_day(row["added_on"]) == newest)
    return text(expires) if expires < soon else None


def _surveys(rows: list[Row], users: dict[str, Row]) -> Row:
    told = {}
    for kind, name in (("nps", "nps"), ("csat", "csat"), ("ces", "ces"), ("csm_pulse", "pulse")):
        asked = [row for row in rows if row["kind"] == kind]
        if not asked:
            continue
        one = min(asked, key=lambda r: (dt.datetime.max - r["responded_at"], -r["score"], last(r["user_id"])))
        role = users[one["user_id"]]["role"] if kind != "csm_pulse" and one["user_id"] in users else None
        told[name] = known(score=number(one["score"]), on=text(one["responded_at"]), role=role)
    return told


def _advocacy(rows: list[Row], recent: dt.date) -> Row:
    if not rows:
        return {"count_365d": 0}
    one = min(rows, key=lambda r: (-as_day(r["occurred_on"]).toordinal(), last(r["kind"])))
    count = sum(as_day(row["occurred_on"]) >= recent for row in rows)
    return {"count_365d": count, **known(last_on=text(one["occurred_on"]), kind=one["kind"])}


def _usage(rows: list[Row], day: dt.date) -> Row:
    used = [row for row in rows if row["events"] >= 1]
    days = [as_day(row["day"]) for row in used]

    def events(far: int, near: int) -> int:
        start, end = day - dt.timedelta(days=far), day - dt.timedelta(days=near)
        return sum(row["events"] for row in rows if start <= as_day(row["day"]) < end)

    def people(far: int, near: int) -> int:
        start, end = day - dt.timedelta(days=far), day - dt.timedelta(days=near)
        return len({row["user_id"] for row in used if start <= as_day(row["day"]) < end} - {None})

    return {
        "weeks": [events(7 * n, 7 * (n - 1)) for n in range(8, 0, -1)],
        "people_28d": people(28, 0),
        "people_before": people(56, 28),
        **known(first_on=text(min(days, default=None)), last_on=text(max(days, default=None))),
    }


def _features(tables: dict[str, list[Row]], usage: list[Row], subscriptions: list[Row], day: dt.date) -> Row:
    events: dict[str, int] = {}
    for row in usage:
        if row["events"] >= 1 and as_day(row["day"]) >= day - dt.timedelta(days=28):
            events[row["feature"]] = events.get(row["feature"], 0) + row["events"]
    most = sorted(events.items(), key=lambda item: (-item[1], item[0]))[:5]
    told: Row = {"most": [list(item) for item in most], "included": None, "unused_count": None, "unused": None}
    plans = {row["plan"] for row in _open(_paid(subscriptions), day)}
    rows = [row for row in tables["entitlements"] if row["plan"] in plans]
    if plans and plans == {row["plan"] for row in rows}:
        included = {row["feature"] for row in rows}
        core = {row["feature"] for row in rows if row["core"]}
        unused = sorted(included - set(events), key=lambda feature: (feature not in core, feature))
        told |= {"included": len(included), "unused_count": len(unused), "unused": unused[:5]}
    return told
