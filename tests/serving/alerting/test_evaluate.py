"""serving.alerting.evaluate on a store: each day once, all of it or nothing, and nobody told of a control arm."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import json
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from features.practice import AlertRule, Plays, WebhookSettings
from features.settings import Settings
from serving.alerting import outbox as boxes
from serving.alerting.deliver import Clock, deliver
from serving.alerting.evaluate import DayDone, evaluate_days, overtaken
from serving.alerting.reading import alerts_of
from serving.alerting.sending import Answer
from serving.store.address import address_of
from serving.store.copying import insert
from serving.store.store import Store
from serving.store.tables import alert_days, alert_state, alerts, outbox, runs

from .conftest import FIRST, keep, rows_of_a_walk, settings_for

URL = "https://example.com/hook"
HEALTH = AlertRule("Health fell", "health", below=40.0)
LIVELY = (
    AlertRule("Health is low", "health", below=47.0),
    AlertRule("The odds of leaving grew", "odds_of_leaving", times=1.5),
)
WALK = list(rows_of_a_walk(days=16, accounts=20))


def everything(store: Store) -> dict[str, list[Any]]:
    """What the tables of alerts say, but which run and which row it was."""
    asked = {
        "alerts": sa.select(*(column for column in alerts.c if column.name != "id")).order_by(alerts.c.key),
        "outbox": sa.select(outbox).order_by(outbox.c.id),
        "state": sa.select(alert_state).order_by(alert_state.c.rule_hash, alert_state.c.account_id),
        "days": sa.select(alert_days.c.rule_hash, alert_days.c.as_of).order_by(*alert_days.c),
    }
    with store.reading() as connection:
        return {name: [tuple(row) for row in connection.execute(query)] for name, query in asked.items()}


def days(*values: float, first: int = 0, **figures: Any) -> list[tuple[dt.date, pd.DataFrame]]:
    """Scored days of one account, whose health is as told by its own doing."""
    found = []
    for n, (before, value) in enumerate(itertools.pairwise([None, *values])):
        row = {
            "account_id": "a-1",
            "name": "Acme",
            "status": "ok",
            "csm_id": "c-1",
            "drivers": None,
            "health": value,
            "health_source": "model",
            "health_before": before,
            "health_before_on": None if before is None else FIRST + dt.timedelta(days=first + n - 1),
            "change_customer": None if before is None else (value or 0.0) - before,
            "change_data": 0.0,
        }
        found.append((FIRST + dt.timedelta(days=first + n), pd.DataFrame([row | figures])))
    return found


def told(store: Store) -> list[tuple[str, str]]:
    with store.reading() as connection:
        bodies = connection.scalars(sa.select(outbox.c.body).order_by(outbox.c.created_on)).all()
    return [(body["kind"], body["as_of"]) for body in map(json.loads, bodies)]


def test_looking_again_changes_nothing(store: Store) -> None:
    keep(store, WALK)
    settings = settings_for(URL, LIVELY)
    done = list(evaluate_days(store, settings))
    assert [one.as_of for one in done] == [day for day, _ in WALK]
    assert sum(one.opened for one in done) > 10
    assert sum(one.cleared for one in done) > 5
    before = everything(store)
    assert list(evaluate_days(store, settings)) == []
    assert everything(store) == before


def test_night_by_night_is_as_all_at_once_also_in_another_store(store: Store, tmp_path: Path) -> None:
    settings = settings_for(URL, LIVELY)
    keep(store, WALK)
    list(evaluate_days(store, settings))
    with Store.open(address_of(tmp_path / "other")) as other:
        for n in range(0, len(WALK), 7):
            keep(other, WALK[n : n + 7])
            list(evaluate_days(other, settings, until=WALK[n][0] + dt.timedelta(days=2)))
            list(evaluate_days(other, settings))
        assert everything(other) == everything(store)


def test_a_day_is_stored_whole_or_not_at_all(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(store, WALK)
    settings = settings_for(URL, LIVELY)
    list(evaluate_days(store, settings, until=WALK[8][0]))
    for table in (alerts, alert_state, outbox):
        before = everything(store)

        def fails(connection: sa.Connection, into: sa.Table, rows: Any, broken: sa.Table = table) -> None:
            insert(connection, into, rows)
            if into is broken:
                raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("serving.alerting.evaluate.insert", fails)
            with pytest.raises(KeyboardInterrupt):
                list(evaluate_days(store, settings))
        after = everything(store)
        with store.reading() as connection:
            done = connection.scalar(sa.select(sa.func.count(sa.distinct(alert_days.c.as_of))))
        assert len(after["days"]) == 2 * done >= len(before["days"])  # both rules, or neither
    with Store.open(address_of(tmp_path / "fresh")) as fresh:
        keep(fresh, WALK)
        list(evaluate_days(fresh, settings))
        list(evaluate_days(store, settings))
        assert everything(store) == everything(fresh)


def test_two_at_once_are_as_one(store: Store, tmp_path: Path) -> None:
    settings = settings_for(URL, LIVELY)
    keep(store, WALK)
    done: list[DayDone] = []
    threads = [threading.Thread(target=lambda: done.extend(evaluate_days(store, settings))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.as_of for one in done) == [day for day, _ in WALK]
    with Store.open(address_of(tmp_path / "alone")) as alone:
        keep(alone, WALK)
        list(evaluate_days(alone, settings))
        assert everything(alone) == everything(store)


def test_a_day_that_is_scored_again_is_not_looked_at_again(store: Store) -> None:
    settings = settings_for(URL, (HEALTH,))
    keep(store, days(50, 30))
    list(evaluate_days(store, settings))
    keep(store, days(50, 45)[1:])  # the second day again, and now it has not fallen
    assert list(evaluate_days(store, settings)) == []
    with store.reading() as connection:
        keys = connection.scalars(sa.select(alert_days.c.run_key).order_by(alert_days.c.as_of)).all()
        assert keys == connection.scalars(sa.select(runs.c.key).order_by(runs.c.id)).all()[:2]
    assert told(store) == [("opened", "2026-01-02")]


def test_a_day_that_is_scored_late_is_left_out_and_told(store: Store) -> None:
    settings = settings_for(URL, (HEALTH,))
    keep(store, [day for n, day in enumerate(days(50, 50, 30, 30)) if n != 1])
    list(evaluate_days(store, settings))
    before = everything(store)
    assert overtaken(store, settings) == []
    keep(store, days(50, 20)[1:])
    assert list(evaluate_days(store, settings)) == []
    assert everything(store) == before
    assert overtaken(store, settings) == [dt.date(2026, 1, 2)]


def test_a_new_rule_begins_where_it_is_told_to_and_the_others_go_on(store: Store) -> None:
    keep(store, days(50, 30, 50, 30, 50))
    list(evaluate_days(store, settings_for(URL, (HEALTH,))))
    new = AlertRule("Poorly", "health", below=45.0)
    done = list(evaluate_days(store, settings_for(URL, (HEALTH, new)), since=dt.date(2026, 1, 3)))
    assert [one.as_of.day for one in done] == [3, 4, 5]
    assert [(one.opened, one.cleared) for one in done] == [(0, 0), (1, 0), (0, 1)]


def test_a_rule_that_is_gone_takes_its_alerts_along(store: Store) -> None:
    keep(store, days(50, 30, 30))
    list(evaluate_days(store, settings_for(URL, (HEALTH,)), until=dt.date(2026, 1, 2)))
    other = dataclasses.replace(HEALTH, below=25.0)
    list(evaluate_days(store, settings_for(URL, (other,))))
    assert told(store) == [("opened", "2026-01-02"), ("cleared", "2026-01-03")]
    (alert,) = alerts_of(store, closed=True)
    assert alert.detail["cleared"]["why"] == "rule_gone"
    assert alert.detail["cleared"]["sentence"] == (
        "The rule is no longer in the settings, or says something else now; "
        'the alert of 2 January 2026 ("Health fell") is over.'
    )


def test_a_rule_that_is_only_called_otherwise_goes_on(store: Store) -> None:
    keep(store, days(50, 30, 30, 50))
    list(evaluate_days(store, settings_for(URL, (HEALTH,)), until=dt.date(2026, 1, 2)))
    list(evaluate_days(store, settings_for(URL, (dataclasses.replace(HEALTH, name="Poorly", play="Call"),))))
    assert told(store) == [("opened", "2026-01-02"), ("cleared", "2026-01-04")]


def test_two_rules_that_say_the_same_each_tell_of_it(store: Store) -> None:
    settings = settings_for(URL, (HEALTH, dataclasses.replace(HEALTH, name="Poorly", play="Call")))
    keep(store, days(50, 30, 50))
    list(evaluate_days(store, settings))
    assert [one.rule for one in alerts_of(store, closed=True)] == ["Poorly", "Health fell"]
    assert len({one.key for one in alerts_of(store, closed=True)}) == 2
    assert sorted(told(store)) == [("cleared", "2026-01-03")] * 2 + [("opened", "2026-01-02")] * 2
    assert overtaken(store, settings) == list(evaluate_days(store, settings)) == []


def test_a_segment_that_no_account_has_is_warned_of(store: Store) -> None:
    rule = dataclasses.replace(HEALTH, segments=("Mid", "Midd"))
    keep(store, days(50, 30, segment="mid"))
    first, second = evaluate_days(store, settings_for(URL, (rule,)))
    assert second.opened == 1
    assert first.warnings == (
        'The alert "Health fell" in [[alerts]] is about the segment "Midd", which no account of 2026-01-01 has.',
    )


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


def test_an_old_store_without_any_of_the_columns_has_no_alerts(store: Store) -> None:
    keep(store, [(day, frame[["account_id", "status", "drivers"]]) for day, frame in days(50, 30, 20)])
    done = list(evaluate_days(store, Settings()))
    assert [(one.opened, one.cleared) for one in done] == [(0, 0)] * 3


def test_lists_of_alerts(store: Store) -> None:
    keep(store, WALK)
    list(evaluate_days(store, settings_for(URL, LIVELY)))
    open_, known = alerts_of(store), alerts_of(store, closed=True)
    assert 0 < len(open_) < len(known) > 10
    assert [one.opened_on for one in known] == sorted((one.opened_on for one in known), reverse=True)
    assert {one.csm_id for one in alerts_of(store, closed=True, csm_id="c-1")} == {"c-1"}
    assert {one.account_id for one in alerts_of(store, closed=True, account_id="a-03")} <= {"a-03"}
    day = WALK[10][0]
    late = alerts_of(store, closed=True, since=day)
    assert {one.key for one in late} == {
        one.key for one in known if one.opened_on >= day or (one.closed_on and one.closed_on >= day)
    }
    assert json.loads(json.dumps(known[0].to_json()))["alert"] == known[0].key
    assert len(boxes.waiting(store)) == sum(1 + (one.closed_on is not None) for one in known)


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
    for n, told in enumerate(sent, start=1):
        if n not in (1, 5, 6, 7, 8, 20):
            assert taken.get(told["account_id"], "") <= told["as_of"]
            taken[told["account_id"]] = told["as_of"]
    assert boxes.retry(store) == done.dead
