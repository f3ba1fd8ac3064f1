"""Plays: a driver's topic or dimension in; what a team does about it out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType

from features.catalogue import CATALOGUE
from features.errors import TenureError
from features.feature import DIMENSIONS

__all__ = ["DEFAULT_PLAYS", "Plays"]

DEFAULT_PLAYS: Mapping[str, str] = MappingProxyType(
    {
        # Adoption: what was bought is not taken up.
        "adoption": "Adoption review: agree on the next thing to roll out, and with whom",
        "seats_used_share": "Training for the people whose seats are unused",
        "registered_users": "Invitation and first-login campaign for the users who do not come",
        "entitled_features": "Walk through the features that the plan includes and nobody uses",
        "features_used_28d": "Use-case workshop on the features that fell out of use",
        "milestones": "Onboarding review: agree on the next milestone and its date",
        "milestones_overdue": "Onboarding rescue: unblock the overdue milestones with the account's project lead",
        "days_to_first_value": "Onboarding rescue: a plan to go live, with a date",
        # Engagement: people stop coming.
        "engagement": "Check-in call: ask what has changed in how the team works",
        "days_since_last_use": "Win-back call: find out why the product is no longer opened",
        "active_users": "Check-in call on the users who stopped, and training for those who took over",
        "power_users": "Interview with the power users: what did they stop needing?",
        # Support: help does not help.
        "support": "Support review with the account: what is open, and what is done about it",
        "tickets": "Support review: look for one cause behind the tickets",
        "tickets_open": "Support review: an owner and a date for each open ticket",
        "urgent_tickets": "Support escalation review with the engineering lead",
        "ticket_trouble": "Support escalation review: who owns the escalated and reopened tickets until closed",
        "support_speed": "Support review: agree on response times and apologise for the slow ones",
        "ticket_csat_180d": "Close the loop with those who rated their support tickets low",
        # Billing: the money does not come.
        "billing": "Billing check with the account's finance contact",
        "overdue": "Dunning: a friendly reminder to the finance contact, then a call",
        "late_payments": "Billing check: agree on an invoice date and a contact that fit the account's payment runs",
        "failed_payments": "Dunning: ask for working payment details and try again",
        "cards": "Dunning: ask for a card that is valid past the next invoice",
        # Sentiment: what they say.
        "sentiment": "Close the loop: call those who answered, and say what will change",
        "nps": "Close the loop with the detractors within a week",
        "survey_silence": "Ask for feedback in person, since no survey is answered",
        "csat_mean_180d": "Close the loop with those who rated us low",
        "ces_mean_180d": "Close the loop: find the step that costs effort, and take it off them",
        "csm_pulse_latest": "Account review with the CSM's lead",
        # Relationship: who is there that wants us to stay.
        "relationship": "Stakeholder map: who decides, who champions, and who is missing",
        "champions": "Find and win a new champion",
        "decision_makers": "Introduction to the new decision maker, with the results so far",
        "days_since_sponsor_use": "Executive call with the sponsor who has gone silent",
        "contact": "Call the account: there has been no conversation for too long",
        "proactive_touch_share_180d": "Plan the next contacts, so that the account need not ask first",
        "days_since_qbr": "Business review: results so far and goals for the next quarter",
        "touch_satisfaction_365d": "Ask what the account expects of its contacts with us, and agree on it",
        "csm": "Handover call: introduce the CSM and confirm the goals",
        # Growth: it buys less.
        "mrr_change": "Value review: find out why the account pays less than before",
        "seats_change_180d": "Value review: find out why seats were given up",
        "changes_of_terms": "Value review: find out what the smaller plan lacks, and what the larger one did not give",
        # Contract: what can be talked about before the renewal.
        "price": "Value review: set the results beside the price before the renewal",
        "past_exits": "Find out what made the account leave the last time, and whether it has been mended",
    }
)
"""By driver topic or dimension; a topic's play goes before its dimension's, unless the team wrote only the latter."""


@dataclass(frozen=True)
class Plays:
    """What a team does about each driver, `[plays]`.

    Parameters
    ----------
    mapping : by driver topic (`Feature.driver`) or dimension, the play in words; "" where there is none on purpose.
    written : those of its keys that the team wrote itself; all others are defaults.

    Raises
    ------
    TenureError : a key is neither a driver topic nor a dimension, or a text is too long for one line.

    >>> plays = Plays().with_({"billing": "Ask finance", "cards": ""})
    >>> plays.play_for("failed_payments", "billing")
    'Ask finance'
    >>> Plays().play_for("failed_payments", "billing")
    'Dunning: ask for working payment details and try again'
    >>> plays.play_for("cards", "billing") is None
    True
    """

    mapping: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_PLAYS))
    written: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        known = (*dict.fromkeys(feature.driver for feature in CATALOGUE), *DIMENSIONS)
        for key, text in self.mapping.items():
            if key not in known:
                by_feature = {feature.name: feature.driver for feature in CATALOGUE}
                near = [by_feature[key]] if key in by_feature else get_close_matches(key, known, 1)
                hint = f"did you mean {near[0]}?" if near else "docs/config.md says which names there are."
                raise TenureError(f"[plays] names {key}, which is neither a driver nor a dimension; {hint}")
            if len(text) > 300 or re.search(r"[\x00-\x1f\x7f]", text):
                raise TenureError(f"[plays] {key} must be one line of at most 300 letters.")

    def play_for(self, topic: str, dimension: str) -> str | None:
        """The play for a driver; None where there is none.

        The team's play for the topic goes before its play for the dimension, and that before the topic's default.
        """
        known = [key for key in (topic, dimension) if key in self.mapping]
        first = sorted(known, key=lambda key: key not in self.written)[:1]
        return self.mapping[first[0]] or None if first else None

    def with_(self, more: Mapping[str, str]) -> Plays:
        """The same with some plays added or replaced, which the team wrote.

        Raises
        ------
        TenureError : as for plays.
        """
        return Plays({**self.mapping, **more}, self.written | more.keys())
