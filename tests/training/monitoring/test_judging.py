"""Verdicts on a company that is as its model says, and on one that has changed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.errors import TenureError
from features.grid import as_of_days
from training.monitoring import Limits, MonitorReport, judge

WAITS = {30: 90, 90: 150}


def look(panel: Any, watched: Any, day: dt.date, **options: Any) -> MonitorReport:
    """As `monitor` does: rows from shortly before training to the day, labels as known on it."""
    as_of = panel.table["as_of"]
    mask = ((as_of >= pd.Timestamp(2024, 12, 1)) & (as_of <= pd.Timestamp(day))).to_numpy()
    labels = {h: values[mask] for h, values in panel.labels(day).items()}
    table = options.pop("table", panel.table[mask].reset_index(drop=True))
    return judge(table, labels, WAITS, day, watched, options.pop("limits", Limits()), **options)


def kinds(report: MonitorReport) -> set[tuple[str, str]]:
    return {(reason.level, reason.kind) for reason in report.reasons}


def test_nothing_changed_and_nothing_is_said_in_a_year_of_looks(quiet: Any, watch_panel: Any) -> None:
    watched = watch_panel(quiet)
    for day in as_of_days(dt.date(2025, 1, 1), dt.date(2025, 12, 31), "monthly"):
        report = look(quiet, watched, day)
        assert report.verdict == "keep", (day, report.reasons)
        assert report.latest_as_of == day


def test_more_churn_is_watched_first_and_then_enough_to_train_again(upset: Any, watch_panel: Any) -> None:
    watched = watch_panel(upset)
    verdicts = {}
    for day in as_of_days(dt.date(2025, 1, 1), dt.date(2025, 8, 1), "monthly"):
        report = look(upset, watched, day)
        verdicts[day.month] = report.verdict
        if day.month == 2:
            assert ("watch", "leaving") in kinds(report)
    assert verdicts[1] == "keep"
    assert verdicts[2] == verdicts[3] == "watch"
    assert verdicts[5] == verdicts[8] == "retrain"
    (level,) = [r for r in report.reasons if r.kind == "level" and "90 days" in r.text]
    assert "more than the tolerance of 25 % for certain" in level.text
    assert any(r.kind == "relearn" and "enough to calibrate on" in r.text for r in report.reasons)


def test_each_horizon_is_told_as_soon_as_its_labels_mature(quiet: Any, watch_panel: Any) -> None:
    watched = watch_panel(quiet)
    day = dt.date(2025, 1, 1)
    before = look(quiet, watched, day + dt.timedelta(89))
    assert not before.realised
    (note,) = [r for r in before.reasons if r.kind == "waiting"]
    assert note.text == (
        "No label from after training has matured yet; the first do for 30 days on 2025-04-01, 90 days on 2025-05-31."
    )
    first = look(quiet, watched, day + dt.timedelta(90))
    assert [(r.horizon, r.first, r.last) for r in first.realised] == [(30, "2025-01-01", "2025-01-01")]
    report = look(quiet, watched, day + dt.timedelta(150))
    assert {r.horizon for r in report.realised} == {30, 90}
    later = look(quiet, watched, dt.date(2025, 10, 1))
    assert [(r.horizon, r.window, r.days) for r in later.realised] == [
        (30, "since training", 7),
        (30, "latest", 3),
        (90, "since training", 5),
        (90, "latest", 3),
    ]


def test_a_bad_present_is_not_hidden_by_a_long_good_past(panel: Any, watch_panel: Any) -> None:
    late = panel(change=3.0, changed_on=dt.date(2025, 8, 1), months=25)
    report = look(late, watch_panel(late), dt.date(2026, 1, 1))
    off = {(r.horizon, r.window): r.off for r in report.realised}
    assert off[30, "latest"] == "retrain"
    assert off[90, "since training"] != "retrain"
    assert report.verdict == "retrain"


def test_ranking_that_is_gone_is_told_even_where_the_rate_is_right(quiet: Any, watch_panel: Any) -> None:
    watched = watch_panel(quiet)
    day = dt.date(2025, 10, 1)
    mask = ((quiet.table["as_of"] >= "2024-12-01") & (quiet.table["as_of"] <= str(day))).to_numpy()
    table = quiet.table[mask].reset_index(drop=True)
    mixed = table.assign(risk=np.random.default_rng(0).permutation(table["risk"]))
    report = look(quiet, watched, day, table=mixed)
    assert ("retrain", "slope") in kinds(report)
    assert ("retrain", "level") not in kinds(report)


def test_age_is_a_weaker_reason(quiet: Any, watch_panel: Any) -> None:
    report = look(quiet, watch_panel(quiet), dt.date(2026, 2, 1))
    assert report.verdict == "watch"
    (age,) = [r for r in report.reasons if r.kind == "age"]
    assert age.text.startswith("The champion is 13 months old and ")
    assert look(quiet, watch_panel(quiet), dt.date(2026, 2, 1), needed=10**6).verdict == "keep"
    assert look(quiet, watch_panel(quiet), dt.date(2026, 2, 1), limits=Limits(old_months=14)).verdict == "keep"


def test_inputs_and_tables_that_are_gone(quiet: Any, watch_panel: Any) -> None:
    table = quiet.table[(quiet.table["as_of"] >= "2024-12-01") & (quiet.table["as_of"] <= "2025-03-01")]
    table = table.reset_index(drop=True)
    watched, day = watch_panel(quiet), dt.date(2025, 3, 1)
    report = look(quiet, watched, day, table=table.assign(noise=np.nan), tables=frozenset({"subscriptions", "usage"}))
    assert report.verdict == "watch"
    texts = " ".join(r.text for r in report.reasons)
    assert "noise (missing in 0 % in training) has no value in any row now" in texts
    assert "The table tickets was there in training and is gone" in texts
    unseen = look(quiet, watched, day, table=table.assign(plan=table["plan"].replace("pro", "pro plus")))
    assert any(r.kind == "unseen value" and "of plan that training never saw" in r.text for r in unseen.reasons)
    absent = look(quiet, watched, day, table=table.drop(columns="noise"))
    assert ("watch", "feature gone") in kinds(absent)


def test_drift_that_matters_little_is_only_noted(quiet: Any, watch_panel: Any) -> None:
    table = quiet.table[(quiet.table["as_of"] >= "2024-12-01") & (quiet.table["as_of"] <= "2025-03-01")]
    table = table.reset_index(drop=True)
    day, watched = dt.date(2025, 3, 1), watch_panel(quiet)
    other = look(quiet, watched, day, table=table.assign(noise=table["noise"] + 2))
    assert other.verdict == "keep"
    assert ("note", "features") in kinds(other)
    risky = look(quiet, watched, day, table=table.assign(risk=np.minimum(table["risk"] * 1.6, 0.9)))
    assert {("watch", "features"), ("watch", "scores")} <= kinds(risky)
    assert risky.verdict == "watch"


def test_a_version_without_a_reference_is_still_judged_by_its_labels(upset: Any, watch_panel: Any) -> None:
    watched = watch_panel(upset, reference=False)
    report = look(upset, watched, dt.date(2025, 8, 1))
    assert report.verdict == "retrain"
    assert ("note", "no reference") in kinds(report)
    assert (report.features, report.scores, report.leaving) == ([], [], None)
    unsure = look(upset, dataclasses.replace(watched, calibration_churned=3), dt.date(2025, 8, 1))
    assert unsure.verdict != "retrain"


def test_the_report_is_json_and_nobody_left_is_a_sentence(quiet: Any, watch_panel: Any) -> None:
    report = look(quiet, watch_panel(quiet), dt.date(2025, 10, 1))
    document = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert document["known_on"] == "2025-01-01"
    assert document["realised"][0]["ratio"].keys() == {"value", "low", "high", "least", "most"}
    with pytest.raises(TenureError, match="No account is an active paying customer"):
        look(quiet, watch_panel(quiet), dt.date(2025, 10, 1), table=quiet.table[:0])


def test_a_year_a_fifth_above_what_was_expected_is_within_the_tolerance(panel: Any, watch_panel: Any) -> None:
    more = panel(change=1.2)
    watched = watch_panel(more)
    for month in (4, 8, 12):
        assert look(more, watched, dt.date(2025, month, 1)).verdict != "retrain"


def test_a_customer_base_that_doubles_changes_no_verdict(quiet: Any, watch_panel: Any) -> None:
    watched, day = watch_panel(quiet), dt.date(2025, 10, 1)
    mask = ((quiet.table["as_of"] >= "2024-12-01") & (quiet.table["as_of"] <= str(day))).to_numpy()
    table = quiet.table[mask].reset_index(drop=True)
    twins = table.assign(account_id="twin of " + table["account_id"])[table["as_of"] >= "2025-02-01"]
    labels = {h: values[mask] for h, values in quiet.labels(day).items()}
    double = {h: np.concatenate([values, values[twins.index]]) for h, values in labels.items()}
    report = judge(pd.concat([table, twins], ignore_index=True), double, WAITS, day, watched, Limits())
    assert report.verdict == "keep"
