"""Gathered: a history and a day in; every fact of every account that was visible then out."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from typing import Any

from features.history import History
from success.facts.asking import Told
from success.facts.billing import cards, invoices, payments
from success.facts.care import arms, contact, csms
from success.facts.contract import contracts
from success.facts.people import milestones, sponsors, users
from success.facts.support import tickets
from success.facts.usage import features, usage
from success.facts.voice import advocacy, exits, surveys

__all__ = ["facts_of"]

_PARTS: dict[str, Callable[[History, dt.date], Told | None]] = {
    "csm": csms,
    "arm": arms,
    "contact": contact,
    "sponsors": sponsors,
    "users": users,
    "milestones": milestones,
    "tickets": tickets,
    "invoices": invoices,
    "payments": payments,
    "card_expires_on": cards,
    "surveys": surveys,
    "advocacy": advocacy,
    "exits": exits,
    "features": features,
    "usage": usage,
}


def facts_of(history: History, as_of: dt.date) -> dict[str, dict[str, Any]]:
    """What was known of each account strictly before a day.

    A table that the history lacks is null, and so is what the table lacks the columns for: not on record. What is left
    out inside of one, empty or 0 is known to be none. Days are text, 2025-03-31.

    Returns
    -------
    By account_id, sorted, an object that JSON can say, with the keys

    - customer_since (first paid subscription), since (start of the present run where there was one before), returns,
      plan, seats, term_months, renews_on, renewals, mrr, currency, mrr_year_ago (in the same currency, of one that was
      a customer by then), notice_on and ends_on (of an account under notice), churned_on, end_reason and last_mrr
      (what it paid last; of one that has no paid subscription any more);
    - csm {id, since}; arm (the one that it is in on that day);
    - contact {touches: the last 5, newest first, each {on, kind, way: in, answered, unanswered or out, csm, minutes,
      satisfaction}; count_90d; two_way: the last one that went both ways, {on, kind, csm}};
    - sponsors {champions, decision_makers: {count, ids}; left: the last 3 who left within a year};
    - users {registered: ever, staying, ever_used: of those ever registered};
    - milestones {count, reached, open: not reached, recent: reached within 90 days, first_value_on};
    - tickets {open, oldest_open_on, worst, escalated, opened_90d, urgent_90d};
    - invoices {overdue, amount, oldest_due_on}; payments {failed_90d, last_failed_on, reason, paid_since};
      card_expires_on (where that is past or within 60 days);
    - surveys {nps, csat, ces: {score, on, role}; pulse: {score, on}}; advocacy {last_on, kind, count_365d};
      exits: up to 3 of {reason, on}, newest first;
    - features {most: up to 5 of [name, events] of 28 days; unused: up to 5 that the plan includes; unused_count,
      included}; usage {first_on, last_on, weeks: events of 8 weeks, oldest first, people_28d, people_before}.
    """
    found = contracts(history, as_of)
    for key, look in _PARTS.items():
        told = look(history, as_of)
        for account, facts in found.items():
            if told is None:
                facts[key] = None
            elif account in told.found:
                facts[key] = told.found[account]
            else:
                facts[key] = copy.deepcopy(told.otherwise)
    return found
