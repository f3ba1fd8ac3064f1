"""Rendering: a frame is judged before anything is stored, and its text and digest depend on what it says alone."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.store.cells import text_of
from serving.store.rendering import Day

DAY = dt.date(2026, 2, 1)
NEXT = dt.date(2026, 2, 2)
Frames = Callable[..., pd.DataFrame]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="reading"), "no column reading"),
        (lambda f: f.drop(columns=[f"churn_{h}d" for h in (30, 90, 365)]), "no column churn_<days>d"),
        (lambda f: f.drop(columns="churn_365d_low"), "no column churn_365d_low"),
        (lambda f: f.drop(columns="expected_mrr_30d"), "no column expected_mrr_30d"),
        (lambda f: f.drop(columns="typical_90d"), "no column typical_90d"),
        (lambda f: f.iloc[:0], "no account"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "twice"),
        (lambda f: f.assign(churn_90d=1.5), "outside 0 to 1"),
        (lambda f: f.assign(status="fine"), "unknown status 'fine'"),
        (lambda f: f.assign(as_of=pd.Timestamp(NEXT)), "another day"),
        (lambda f: f.assign(mrr="much"), "mrr is not of type double"),
        (lambda f: f.assign(computed_at=pd.NaT), "computed_at"),
        (lambda f: f.assign(model_version=["3", "4", "3", "3", "3", "3"]), "more than one model"),
        (lambda f: f.assign(churn_90d=f["churn_90d"] + 2e-9, churn_90d_high=f["churn_365d"]), "miss its probability"),
        (
            lambda f: f.assign(churn_30d=f["churn_90d"] + 1e-12, churn_30d_high=f["churn_365d"]),
            "falls as the horizon grows",
        ),
        (lambda f: f.assign(churn_30d=None), "known at some horizons only"),
        (lambda f: f.assign(churn_30d_low=None), "its interval are not known together"),
        (lambda f: f.assign(churn_365d_low=f["churn_365d"] + 1e-12), "the interval of churn does not hold it"),
        (lambda f: f.assign(churn_365d_high=f["churn_365d"] - 1e-12), "the interval of churn does not hold it"),
        (lambda f: f.assign(involuntary_30d=f["churn_30d"] + 1e-12), "involuntary part is more"),
        (lambda f: f.assign(expected_mrr_90d=-0.01), "expected_mrr_90d has values below 0"),
        (lambda f: f.assign(renewal_next=1.01), "renewal_next has values outside 0 to 1"),
        (lambda f: f.assign(rule_adoption=101.0), "rule_adoption has values outside 0 to 100"),
        (lambda f: f.assign(drivers_horizon=180), "drivers_horizon is not one of its horizons"),
        (lambda f: f.assign(drivers_horizon=None), "no drivers_horizon"),
        (lambda f: f.assign(not_validated_in_time='{"churn_365d": 1}'), "not_validated_in_time"),
        (lambda f: f.assign(drivers=None), "no drivers"),
        (lambda f: f.assign(drivers='[{"feature": "mrr"}]'), "points"),
        (lambda f: f.assign(drivers="[half"), "not a score file"),
    ],
)
def test_a_frame_that_is_no_score_file_is_refused(
    make_frame: Frames, change: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Day(change(make_frame()), DAY, None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="expansion_drivers"), "no column expansion_drivers"),
        (lambda f: f.drop(columns="expansion_30d_low"), "no column expansion_30d_low"),
        (lambda f: f.assign(expansion_30d=f["expansion_90d"] + 1e-12), "expansion falls as the horizon grows"),
        (lambda f: f.assign(expansion_typical_90d=0.2), "the expansion_drivers of account 'a-0' miss"),
        (lambda f: f.assign(expansion_version=["2", "3", "2", "2", "2", "2"]), "more than one model"),
    ],
)
def test_expansion_is_checked_likewise(
    make_frame: Frames, change: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    assert Day(make_frame(expansion=True), DAY, None).run["expansion_version"] == "2"
    with pytest.raises(ValueError, match=says):
        Day(change(make_frame(expansion=True)), DAY, None)


def test_a_frame_of_one_horizon_is_refused(make_frame: Frames) -> None:
    added = ("low", "high", "30d", "365d", "involuntary_90d", "expected_mrr_90d")
    old = [name for name in make_frame().columns if name.endswith(added)]
    old += ["renewal_next", "drivers_horizon", "not_validated_in_time", "expansion_version"]
    with pytest.raises(ValueError, match="written by an earlier version, with one horizon"):
        Day(make_frame().drop(columns=old), DAY, None)


def test_columns_have_their_types_even_when_empty(make_frame: Frames) -> None:
    frame = make_frame(accounts=2).iloc[1:].assign(renews_on=None, name=None, mrr=7)  # one account, not scored
    (row,) = Day(frame, DAY, None).rows
    figures = json.loads(row["figures"])
    assert (figures["churn_90d"], figures["renews_on"], figures["name"]) == (None, None, None)
    assert '"mrr":7.0,' in row["figures"]
    assert '"drivers_horizon":90,' in row["figures"]


def frames_of(make_frame: Frames, figures: list[float], names: list[str], moment: dt.datetime) -> pd.DataFrame:
    frame = make_frame(accounts=len(figures))
    return frame.assign(mrr=figures, name=pd.Series(names, dtype=object), computed_at=moment)


MOMENTS = st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1), timezones=st.just(dt.UTC))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ['","computed_at":"2026-02-01T03:00:00Z"', '"computed_at":null', "computed_at"]
)


MRR = st.floats(0, allow_infinity=False) | st.just(math.nan)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(MRR, TEXTS), min_size=1, max_size=4), MOMENTS, MOMENTS, st.randoms(use_true_random=False))
def test_the_digest_is_of_what_is_said_alone(
    make_frame: Frames, said: list[tuple[float, str]], once: dt.datetime, later: dt.datetime, random: Any
) -> None:
    figures, names = [list(part) for part in zip(*said, strict=True)]
    frame = frames_of(make_frame, figures, names, once)
    day = Day(frame, DAY, None)
    order = list(range(len(said)))
    random.shuffle(order)
    assert Day(frame.iloc[order].assign(computed_at=later), DAY, None).digest({}) == day.digest({})
    for row, figure, name in zip(day.rows, figures, names, strict=True):
        told = json.loads(row["figures"])
        assert told["name"] == name
        assert told["mrr"] == (None if math.isnan(figure) else figure)
        assert told["computed_at"] == once.isoformat().replace("+00:00", "Z")
        assert row["figures"] == text_of(told)  # JSON that is read and written again is the same text
    place = random.randrange(len(said))
    other = [name + "'" if n == place else name for n, name in enumerate(names)]
    assert Day(frames_of(make_frame, figures, other, once), DAY, None).digest({}) != day.digest({})
    assert day.digest({"a-0": "{}"}) != day.digest({})
