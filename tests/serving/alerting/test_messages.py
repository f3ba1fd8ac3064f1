"""serving.alerting.messages on a store: what somebody is told, and of what nobody is."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from features.alert_rules import AlertRule, WebhookSettings
from features.plays import Plays
from serving.alerting import outbox as boxes
from serving.alerting.deliver import Clock, deliver
from serving.alerting.evaluate import evaluate_days
from serving.alerting.reading import alerts_of
from serving.alerting.sending import Answer
from serving.store.store import Store
from serving.store.tables import outbox

from .conftest import HEALTH, LIVELY, URL, WALK, days, keep, settings_for, told


def test_nobody_is_told_of_an_account_in_a_control_arm(store: Store) -> None:
    settings = settings_for(URL, (HEALTH,))
    keep(store, days(50, 30, arm="holdout"))
    keep(store, days(30, 50, first=1)[1:])  # the arm has ended before the alert
    (_, second, _) = done = list(evaluate_days(store, settings))
    assert (second.opened, second.withheld, second.queued) == (1, 1, 0)
    assert (done[2].cleared, done[2].queued) == (1, 0)
    assert told(store) == []
    assert alerts_of(store, closed=True) == []
    (alert,) = alerts_of(store, closed=True, withheld=True)
    assert alert.withheld == "It is in the control arm holdout."
    assert alert.closed_on == dt.date(2026, 1, 3)


def test_who_was_told_that_it_began_is_told_that_it_is_over(store: Store) -> None:
    """Also where the account has come into a control arm meanwhile: the end asks for nothing."""
    keep(store, days(50, 30))
    keep(store, days(30, 50, first=1, arm="holdout")[1:])
    list(evaluate_days(store, settings_for(URL, (HEALTH,))))
    assert told(store) == [("opened", "2026-01-02"), ("cleared", "2026-01-03")]


def test_who_looked_after_an_account_that_has_left_is_told_of_the_end(store: Store) -> None:
    keep(store, days(50, 30))
    keep(store, days(50, first=10, account_id="a-2"))
    list(evaluate_days(store, settings_for(URL, (HEALTH,))))
    with store.reading() as connection:
        bodies = connection.scalars(sa.select(outbox.c.body).order_by(outbox.c.created_on)).all()
    opened, cleared = map(json.loads, bodies)
    assert (cleared["kind"], cleared["account_id"], cleared["csm_id"], cleared["name"]) == (
        "cleared", "a-1", opened["csm_id"], "Acme",
    )  # fmt: skip
    assert opened["csm_id"] == "c-1"


def test_without_a_receiver_nothing_piles_up_for_one(store: Store) -> None:
    keep(store, days(50, 30))
    list(evaluate_days(store, settings_for(None, (HEALTH,))))
    assert len(alerts_of(store)) == 1
    keep(store, days(30, 50, first=1)[1:])
    list(evaluate_days(store, settings_for(URL, (HEALTH,))))
    assert told(store) == []


def test_what_a_message_says(store: Store) -> None:
    top = [
        {"feature": "nps", "dimension": "sentiment", "sentence": "NPS is 4", "points": 0.2, "health_points": -9.0},
        {"feature": "seats_used_share", "dimension": "adoption", "sentence": "Seats are used", "points": -0.15},
        {"feature": "overdue", "dimension": "billing", "sentence": "2 bills overdue", "points": 0.1},
        {"feature": "days_to_renewal", "dimension": "contract", "sentence": "It renews soon", "points": 0.05},
        {"feature": "tickets", "dimension": "support", "sentence": "9 tickets", "points": 0.01},
    ]
    rows = days(50, 30.04, 44, drivers=json.dumps(top))
    keep(store, rows)
    list(evaluate_days(store, settings_for(URL, (HEALTH,))))
    with store.reading() as connection:
        texts = connection.scalars(sa.select(outbox.c.body).order_by(outbox.c.created_on)).all()
    opened, cleared = map(json.loads, texts)
    assert list(opened) == list(cleared) == [
        "id", "kind", "alert", "rule", "account_id", "name", "csm_id", "as_of", "sentence", "value", "drivers", "play",
    ]  # fmt: skip
    assert opened | {"id": "", "alert": ""} == {
        "id": "",
        "kind": "opened",
        "alert": "",
        "rule": "Health fell",
        "account_id": "a-1",
        "name": "Acme",
        "csm_id": "c-1",
        "as_of": "2026-01-02",
        "sentence": "Health of Acme fell below 40; it is 30 now, and was 50 on 1 January 2026.",
        "value": 30.0,
        "drivers": [
            {"feature": "nps", "dimension": "sentiment", "sentence": "NPS is 4", "health_points": -9.0},
            {"feature": "overdue", "dimension": "billing", "sentence": "2 bills overdue", "health_points": None},
            {
                "feature": "days_to_renewal",
                "dimension": "contract",
                "sentence": "It renews soon",
                "health_points": None,
            },
        ],
        "play": Plays().play_for("nps", "sentiment"),
    }
    assert cleared["sentence"] == "Health of Acme is back at 44; the alert of 2 January 2026 is over."
    assert (cleared["kind"], cleared["drivers"], cleared["play"], cleared["alert"]) == (
        "cleared",
        [],
        None,
        opened["alert"],
    )
    assert len({opened["id"], cleared["id"], opened["alert"]}) == 3


def test_the_rules_own_play_and_dimension_come_first(store: Store) -> None:
    top = [
        {"feature": "nps", "dimension": "sentiment", "sentence": "NPS is 4", "points": 0.2},
        {"feature": "overdue", "dimension": "billing", "sentence": "2 bills overdue", "points": 0.1},
    ]
    same = {"health_cell": "mid", "model_version": "3", "drivers": json.dumps(top)}
    keep(store, [(day, frame.assign(health_billing=frame["health"])) for day, frame in days(50, 30, **same)])
    rules = tuple(AlertRule(f"R{n}", "health_billing", below=40.0 - n, play=p) for n, p in enumerate((None, "Call.")))
    list(evaluate_days(store, settings_for(URL, rules)))
    told = {one.rule: one.detail for one in alerts_of(store)}
    assert told["R0"]["play"] == Plays().play_for("overdue", "billing")
    assert told["R1"]["play"] == "Call."
    assert [driver["feature"] for driver in told["R0"]["drivers"]] == ["overdue", "nps"]


def test_an_end_that_the_data_brought_claims_no_recovery(store: Store) -> None:
    keep(store, days(50, 30))
    keep(store, days(30, 50, first=1, change_customer=0.0, change_data=20.0)[1:])
    list(evaluate_days(store, settings_for(URL, (HEALTH,))))
    (alert,) = alerts_of(store, closed=True)
    assert alert.detail["cleared"]["why"] == "data"
    assert alert.detail["cleared"]["sentence"] == (
        "Health of Acme can no longer be told as it was, since tables of its data came, went or stopped; "
        "the alert of 2 January 2026 is over."
    )


def test_messages_leave_either_database_in_order(store: Store, tmp_path: Path) -> None:
    keep(store, WALK)
    list(evaluate_days(store, settings_for(URL, LIVELY)))
    sent: list[dict[str, Any]] = []

    def answer(_: str, body: bytes, __: dict[str, str], ___: float) -> Answer:
        sent.append(json.loads(body))
        return Answer(410 if len(sent) == 1 else 500 if len(sent) in (5, 6, 7, 8, 20) else 200)

    away = [dt.timedelta()]
    clock = Clock(
        lambda: dt.datetime(2026, 6, 1, tzinfo=dt.UTC) + away[0],
        lambda seconds: away.insert(0, away[0] + dt.timedelta(seconds=seconds)),
    )
    queued = len(boxes.waiting(store))
    done = deliver(store, tmp_path, WebhookSettings(URL), b"0123456789abcdef", post=answer, clock=clock)
    assert (done.delivered + done.dead, done.waiting) == (queued, 0)
    assert done.dead == len(boxes.dead(store)) in (1, 2)  # one opening, and its end where it has one
    taken: dict[str, str] = {}
    for n, message in enumerate(sent, start=1):
        if n not in (1, 5, 6, 7, 8, 20):
            assert taken.get(message["account_id"], "") <= message["as_of"]
            taken[message["account_id"]] = message["as_of"]
    assert boxes.retry(store) == done.dead
