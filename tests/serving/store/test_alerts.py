"""Alerts: who asks for the open ones or for those since a day gets those, and never what was withheld unless asked."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
import sqlalchemy as sa

from serving.store.alerts import Alert, alerts_since, open_alerts
from serving.store.errors import StoreError
from serving.store.store import Store
from serving.store.tables import alerts


def day(n: int) -> dt.date:
    return dt.date(2026, 2, n)


# key: account, CSM, opened, closed, withheld
ALERTS: dict[str, tuple[str, str | None, int, int | None, str | None]] = {
    "a": ("a-1", "c-1", 1, 4, None),
    "b": ("a-2", "c-2", 2, None, None),
    "c": ("a-3", None, 3, None, None),
    "d": ("a-4", "c-1", 3, None, "control arm"),
    "e": ("a-1", "c-1", 5, None, None),
    "f": ("a-5", "c-2", 1, 2, None),
}


@pytest.fixture
def filled(store: Store) -> Store:
    with store.writing() as connection:
        for key, (account, csm, opened, closed, withheld) in ALERTS.items():
            values: dict[str, Any] = {"key": key, "rule": "Billing health fell", "rule_hash": "h" * 64, "value": 38.5,
                "account_id": account, "csm_id": csm, "opened_on": day(opened), "withheld": withheld,
                "closed_on": None if closed is None else day(closed),
                "detail": json.dumps({"sentence": f"Zoë's {key}", "drivers": []})}  # fmt: skip
            connection.execute(sa.insert(alerts).values(values))
    return store


def keys(found: list[Alert]) -> str:
    return "".join(alert.key for alert in found)


def test_open_alerts_newest_first(filled: Store) -> None:
    assert keys(open_alerts(filled)) == "ecb"
    assert keys(open_alerts(filled, "c-1")) == "e"
    assert keys(open_alerts(filled, withheld=True)) == "edcb"
    for stranger in ("c-9", "", "\x00", "\ud800"):
        assert open_alerts(filled, stranger) == []
    told = open_alerts(filled, "c-2")[0]
    assert (told.account_id, told.opened_on, told.closed_on, told.value) == ("a-2", day(2), None, 38.5)
    assert (told.detail, told.withheld) == ({"sentence": "Zoë's b", "drivers": []}, None)


def test_since_a_day_are_those_that_opened_or_closed(filled: Store) -> None:
    told = {n: keys(alerts_since(filled, day(n))) for n in range(1, 7)}
    assert told == {1: "ecbfa", 2: "ecbfa", 3: "eca", 4: "ea", 5: "e", 6: ""}
    assert keys(alerts_since(filled, day(3), "c-1")) == "ea"
    assert keys(alerts_since(filled, day(3), withheld=True)) == "edca"


def test_an_episode_is_stored_once(filled: Store) -> None:
    """Whoever evaluates a day twice cannot tell an alert twice."""
    copied = {"key": "a", "rule": "r", "rule_hash": "h", "account_id": "x", "opened_on": day(9), "detail": "{}"}

    def again() -> None:
        with filled.writing() as connection:
            connection.execute(sa.insert(alerts).values(copied))

    with pytest.raises(StoreError):
        again()
    assert len(open_alerts(filled, withheld=True)) == 4
