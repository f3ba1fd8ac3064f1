"""Messages: an alert that opens or clears, and its account's row, in; what is stored and sent of it out."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from features.alert_rules import AlertRule
from features.plays import Plays
from serving.alerting.sentences import cleared_sentence, opened_sentence, rounded
from success.alerts import Cleared, Opened
from success.book import as_json

__all__ = ["body_of", "cleared_detail", "message_id", "opened_detail"]

_DRIVERS = 3
_TOLD = ("feature", "dimension", "sentence", "health_points")


def opened_detail(
    rule: AlertRule, opened: Opened, row: Mapping[str, Any], as_of: dt.date, plays: Plays
) -> dict[str, Any]:
    """What is kept of an alert: name, sentence, drivers and play.

    Parameters
    ----------
    row : the account's in the book; `name` and `top` are read.
    """
    drivers = _drivers(rule, as_json(row.get("top")))
    play = rule.play
    if play is None and drivers:
        play = plays.play_for(str(drivers[0].get("feature")), str(drivers[0].get("dimension")))
    name = str(row.get("name") or opened.account_id)
    return {
        "name": name,
        "sentence": opened_sentence(rule, opened, name, as_of),
        "value": rounded(rule, opened.value),
        "drivers": [{key: driver.get(key) for key in _TOLD} for driver in drivers],
        "play": play,
    }


def cleared_detail(rule: str, meant: AlertRule | None, cleared: Cleared, name: str) -> dict[str, Any]:
    """What is kept of the end of an alert; the same keys as where it opened, and why it is over."""
    sentence = cleared_sentence(rule, meant, cleared, name)
    value = rounded(meant, cleared.value)
    return {"name": name, "sentence": sentence, "value": value, "drivers": [], "play": None, "why": cleared.why}


def body_of(
    *, key: str, kind: str, rule: str, account_id: str, csm_id: str | None, as_of: dt.date, detail: Mapping[str, Any]
) -> tuple[str, str]:
    """The id of a message and its text, which is sent byte for byte the same however often it is sent."""
    told = {
        "id": message_id(key, kind),
        "kind": kind,
        "alert": key,
        "rule": rule,
        "account_id": account_id,
        "name": detail["name"],
        "csm_id": csm_id,
        "as_of": as_of.isoformat(),
        **{name: detail[name] for name in ("sentence", "value", "drivers", "play")},
    }
    return told["id"], json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def message_id(key: str, kind: str) -> str:
    """One for each alert and kind, the same whenever and wherever it is made.

    >>> message_id("k", "opened") == message_id("k", "opened") != message_id("k", "cleared")
    True
    """
    return hashlib.sha256(json.dumps([key, kind]).encode()).hexdigest()


def _drivers(rule: AlertRule, top: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The drivers that pull the way that the alert tells of, those of the rule's own dimension first."""
    worse = rule.above is None or rule.when.startswith("churn_")
    pull = [driver for driver in top if ((driver.get("points") or 0.0) > 0) == worse]
    own = rule.when.removeprefix("health_")
    return sorted(pull, key=lambda driver: driver.get("dimension") != own)[:_DRIVERS]
