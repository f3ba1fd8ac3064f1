"""Words: how columns and tables of the contract are called elsewhere, and how alike two names are.

A name is a set of words: `usageDate`, `usage_date` and `Usage Date` are one. Words that mean the same here
(customer, client, organisation: account) count as one word.
"""

from __future__ import annotations

import re
from functools import cache

__all__ = ["COLUMN_NAMES", "TABLE_NAMES", "likeness", "table_likeness", "words"]

_SAME = {
    "account": "customer client company organisation organization org tenant workspace cust acct customers merchant",
    "user": "member person people contact login employee-of seat-holder userid",
    "subscription": "contract agreement sub subscr",
    "when": "date day on at time timestamp datetime dt ts moment",
    "id": "key no number num uuid guid ref identifier nr",
    "start": "started begin began begins from commenced commence effective",
    "end": "ended finish finished until terminated termination expired ends",
    "cancel": "cancelled canceled cancellation churned churn",
    "create": "created creation signup signed registered registration joined join since opened open add added",
    "amount": "value total sum price fee revenue charge",
    "renew": "renews renewal renewed",
    "reason": "cause why motive",
    "kind": "type category class",
    "plan": "tier package edition product-plan pricing",
    "feature": "module function event-name capability",
    "count": "hits quantity qty times n",
    "respond": "responded response answered answer replied reply submitted submission",
    "score": "rating grade points",
    "resolve": "resolved closed solved close resolution",
    "month": "months monthly mth",
    "minute": "minutes mins min duration",
    "owner": "csm manager rep agent",
    "pay": "paid payment settled",
    "succeed": "succeeded success successful ok",
    "fail": "failed failure decline declined error",
    "country": "region territory geo market geography",
    "size": "employees headcount staff",
    "invoice": "bill",
    "record": "recorded loaded inserted ingested",
}
_WORD = {alias: word for word, aliases in _SAME.items() for alias in aliases.split()}
_LIGHT = {"when": 0.35, "id": 0.8, "is": 0.1, "has": 0.1, "flag": 0.2, "the": 0.0, "of": 0.0, "name": 0.7, "usd": 0.1,
          "eur": 0.1, "in": 0.0}  # fmt: skip
"""Words that say little by themselves, with their weight."""

TABLE_NAMES: dict[str, str] = {
    "accounts": "account; customer; client; company; organisation; tenant",
    "users": "user; member; contact; people; seat",
    "subscriptions": "subscription; contract; agreement; plan period; license",
    "usage": "usage; event; activity; click; feature usage; product event; log; session; telemetry",
    "entitlements": "entitlement; plan feature; plan limit",
    "milestones": "milestone; onboarding; onboarding step; goal",
    "tickets": "ticket; support ticket; case; issue; support request; helpdesk",
    "invoices": "invoice; bill",
    "payments": "payment; transaction; charge; payment attempt",
    "cards": "card; payment method; credit card",
    "surveys": "survey; nps; survey response; feedback; csat",
    "touches": "touch; touchpoint; interaction; csm activity; meeting; call; outreach",
    "assignments": "assignment; owner; csm assignment; account owner; book",
    "advocacy": "advocacy; reference; referral; testimonial",
    "exits": "exit; exit interview; exit survey",
    "costs": "cost; expense; spend",
    "churns": "churn; churn event; cancellation; churned account",
    "arms": "arm; experiment; holdout; experiment arm",
}

COLUMN_NAMES: dict[str, str] = {
    "account_id": "account id; account; account code",
    "created_on": "create when; signup date; customer since; start date; create",
    "name": "name; title; label",
    "segment": "segment; size band; customer segment",
    "industry": "industry; sector; vertical; branch; line of business",
    "region": "region; country; area; location",
    "employees": "employees; headcount; employee count; company size",
    "touch_model": "touch model; service level; coverage model; success tier",
    "strategic": "strategic; key account; is strategic; vip",
    "sold_on": "sold on; deal closed date; won date; close date",
    "sold_by": "sold by; sales rep; seller; account executive",
    "valid_from": "valid from; effective from; version date",
    "user_id": "user id; user; member id; contact id; login id",
    "role": "role; job role; position; user type; job title",
    "department": "department; team; division; unit",
    "deactivated_on": "deactivated on; deactivated; disabled at; removed at; left date; inactive since; deleted at",
    "subscription_id": "subscription id; contract id; subscription",
    "plan": "plan; plan name; plan tier; tier; package; edition",
    "started_on": "start when; start; subscription start; valid from; period start; create when",
    "ended_on": "end when; end; subscription end; cancelled at; valid to; period end; cancel when; churn date; to when",
    "end_reason": "end reason; cancellation reason; churn reason; termination type; reason ended; reason",
    "renews_on": "renew when; renewal; next renewal; renewal due",
    "term_months": "term months; term; contract length; commitment months; duration months; contract term",
    "seats": "seats; licenses; licences; user limit; seat count; number of seats; quantity",
    "mrr": "mrr; monthly recurring revenue; mrr amount; monthly amount; monthly fee; monthly price; recurring amount; "
    "arr; arr amount; annual recurring revenue; amount",
    "currency": "currency; currency code; ccy",
    "notice_on": "notice on; notice date; notice given; cancellation requested; cancel request date; noticed at",
    "notice_withdrawn_on": "notice withdrawn on; notice revoked; cancellation withdrawn; notice withdrawn",
    "trial": "trial; is trial; trial flag; free trial",
    "day": "day; usage date; event date; activity date; when; occurred at; event time; timestamp",
    "feature": "feature; feature name; module; event name; event; action; activity type; event type; page; function; "
    "feature used",
    "events": "events; count; usage count; event count; click; click count; number of events; quantity; hits; "
    "sum click; times used",
    "minutes": "minutes; duration; duration minutes; time spent; usage duration secs; duration seconds; "
    "length minutes; "
    "session length",
    "core": "core; is core; key feature",
    "monthly_limit": "monthly limit; limit per month; quota; allowance; cap",
    "milestone": "milestone; milestone name; step; goal name; task",
    "kind": "kind; type; category; channel",
    "due_on": "due on; due date; deadline; target date; pay by",
    "reached_on": "reached on; completed on; achieved at; done at; completion date",
    "ticket_id": "ticket id; case id; issue id; case number; request id; ticket",
    "opened_at": "opened at; submitted at; created at; reported at; create when; submit when",
    "priority": "priority; severity; urgency",
    "category": "category; topic; subject area; issue type; type; kind; area",
    "first_response_at": "first response at; first reply; first responded; first answer time",
    "resolved_at": "resolved at; closed at; solved at; resolution time",
    "reopened_at": "reopened at; reopen date; opened again",
    "escalated_at": "escalated at; escalation date; escalation time",
    "csat": "csat; satisfaction score; satisfaction; rating; customer satisfaction; stars",
    "csat_at": "csat at; rated at; satisfaction date; rating date; survey answered at; csat time",
    "invoice_id": "invoice id; invoice number; bill id; invoice",
    "issued_on": "issued on; invoice date; billed on; bill date; sent date; issue date",
    "amount": "amount; total; invoice amount; value; amount due; sum",
    "paid_on": "paid on; paid at; payment date; settled on; date paid",
    "voided_on": "voided on; void date; cancelled on; credited on; written off on",
    "attempted_at": "attempted at; attempt time; payment time; charged at; transaction date; tried at; create when",
    "succeeded": "succeeded; success; is successful; paid ok; status ok; was successful",
    "failure_reason": "failure reason; decline code; error code; decline reason; failure code; fail reason",
    "added_on": "added on; added at; create when; card added; stored on",
    "expires_on": "expires on; expiry; expiry date; expiration date; valid until; exp date; good through",
    "responded_at": "responded at; response date; answered at; submitted at; survey date; respond when",
    "score": "score; rating; nps score; answer; result",
    "sent_at": "sent at; invitation date; asked at; survey sent; invited at",
    "csm_id": "csm id; csm; owner id; manager id; account manager; success manager; owner; rep id",
    "occurred_at": "occurred at; date; meeting date; happened at; activity date; contact date; touch date; time",
    "direction": "direction; inbound outbound; in out; way",
    "answered": "answered; replied; was answered; got reply; response received",
    "proactive": "proactive; is proactive; planned; unprompted",
    "satisfaction": "satisfaction; satisfaction score; rating",
    "from_on": "from on; start date; assigned on; from; since; assigned from; valid from",
    "to_on": "to on; end date; to; until; unassigned on; assigned until; valid to",
    "occurred_on": "occurred on; date; happened on; advocacy date; when",
    "asked_on": "asked on; interview date; asked at; survey date; exit date; date",
    "reason": "reason; reason code; churn reason; cause; exit reason; why; cancellation reason; main reason",
    "month": "month; period; cost month; booking month; month start",
    "churned_on": "churned on; churn date; cancelled on; cancellation date; left on; lost on",
    "arm": "arm; variant; group; treatment; experiment group; test group",
    "recorded_at": "recorded at; loaded at; inserted at; ingested at; row created at; etl time; synced at",
}


@cache
def words(name: str) -> frozenset[str]:
    """The words of a name, in lower case and singular, words that mean the same made one.

    >>> sorted(words("customerSignupDate"))
    ['account', 'create', 'when']
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    found = set()
    for part in re.findall(r"[^\W_]+", spaced.lower()):
        for end in ("", "s", "es"):
            whole = part.removesuffix(end) if end else part
            if part.endswith(end) and whole in _WORD:
                part = _WORD[whole]
                break
        else:
            part = part.removesuffix("s") if len(part) > 3 and not part.endswith("ss") else part
        found.add(part)
    return frozenset(found)


def likeness(foreign: str, column: str, table: str, home: str = "") -> float:
    """How alike a foreign name and a contract column are, from 0 to 1.

    Parameters
    ----------
    table : the contract's table; its own words in a name (`ticket_priority` of tickets) weigh nothing.
    home : the foreign table's name, likewise.
    """
    names = [column.replace("_", " "), *COLUMN_NAMES.get(column.removesuffix("_recorded_at"), "").split(";")]
    if column.endswith("_recorded_at"):
        names = [column.replace("_", " ")]
    own = (words(table) | words(home)) - {"id"}
    return max(max(_overlap(words(foreign), words(n)), 0.97 * _overlap(words(foreign) - own, words(n) - own))
               for n in names)  # fmt: skip


def table_likeness(foreign: str, table: str) -> float:
    """How alike a foreign table's name and a table of the contract are, from 0 to 1."""
    return max(_overlap(words(foreign), words(n)) for n in (table, *TABLE_NAMES[table].split(";")))


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """The weight of the words in common over that of all."""
    if not one or not other:
        return 0.0
    weight = {w: _LIGHT.get(w, 1.0) for w in one | other}
    total = sum(weight.values())
    return sum(weight[w] for w in one & other) / total if total else 0.0
