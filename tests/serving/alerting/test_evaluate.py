"""serving.alerting.evaluate on a store: each day once, all of it or nothing."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from features.alert_rules import AlertRule
from features.settings import Settings
from serving.alerting import outbox as boxes
from serving.alerting.evaluate import DayDone, evaluate_days, overtaken
from serving.alerting.reading import alerts_of
from serving.store.address import address_of
from serving.store.copying import insert
from serving.store.store import Store
from serving.store.tables import alert_days, alert_state, alerts, outbox, runs

from .conftest import HEALTH, LIVELY, URL, WALK, days, keep, settings_for, told


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


def test_a_rule_that_has_begun_goes_on_where_it_was_wherever_new_ones_begin(store: Store) -> None:
    keep(store, days(50, 50, 30, 50, 50))
    settings = settings_for(URL, (HEALTH,))
    list(evaluate_days(store, settings, until=dt.date(2026, 1, 2)))
    done = list(evaluate_days(store, settings, since=dt.date(2026, 1, 5)))
    assert [(one.as_of.day, one.opened, one.cleared) for one in done] == [(3, 1, 0), (4, 0, 1), (5, 0, 0)]


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


def test_a_rule_that_comes_back_begins_anew(store: Store) -> None:
    keep(store, days(50, 30, 30, 50, 30))
    list(evaluate_days(store, settings_for(URL, (HEALTH,)), until=dt.date(2026, 1, 2)))
    list(evaluate_days(store, settings_for(URL, ()), until=dt.date(2026, 1, 3)))
    list(evaluate_days(store, settings_for(URL, (dataclasses.replace(HEALTH, below=25.0),)), until=dt.date(2026, 1, 3)))
    list(evaluate_days(store, settings_for(URL, (HEALTH,))))
    assert told(store) == [("opened", "2026-01-02"), ("cleared", "2026-01-03"), ("opened", "2026-01-05")]


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
