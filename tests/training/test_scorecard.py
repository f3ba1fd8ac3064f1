from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue import CATALOGUE
from features.checks import STAGES
from features.errors import TenureError
from features.practice import ScorecardRule, StageSettings
from features.settings import Settings, load_settings
from features.stages import stages_of
from training.rivals import scorecard_of
from training.scorecard import DEFAULT_RULES, Rule, Scorecard, rule_of

USE = Rule("days_since_last_use", worst=30, best=0, weight=3)
SEATS = Rule("seats_used_share", worst=0.0, best=0.8, weight=1)
NPS = Rule("nps_latest", worst=2, best=10, weight=4)
CARD = Scorecard((USE, SEATS, NPS))


def test_a_row_worked_out_by_hand() -> None:
    rows = pd.DataFrame({"days_since_last_use": [15.0], "seats_used_share": [0.6], "nps_latest": [4.0]}, index=["a7"])
    scored = CARD.score(rows)
    assert scored.columns.tolist() == ["score", "adoption", "engagement", "sentiment"]
    # 50 points x 3, 75 points x 1, 25 points x 4, over 8.
    assert scored.loc["a7"].tolist() == pytest.approx([(150 + 75 + 100) / 8, 75, 50, 25])


def test_missing_is_not_counted_and_the_other_weights_fill_its_place() -> None:
    rows = pd.DataFrame({"days_since_last_use": [15.0, np.nan, np.nan], "seats_used_share": [0.6, 0.6, np.nan]})
    scored = CARD.score(rows)
    assert scored["score"].tolist()[:2] == pytest.approx([(150 + 75) / 4, 75])
    assert scored["sentiment"].isna().all()
    assert np.isnan(scored["score"][2])
    assert CARD.score(rows[[]])["score"].isna().all()
    assert CARD.score(rows.head(0)).shape == (0, 4)


def test_beyond_worst_and_best_nothing_more_is_lost_or_won() -> None:
    points = USE.points(pd.Series([-5.0, 0, 30, 400]))
    assert points.tolist() == [100, 100, 0, 0]
    assert SEATS.points(pd.Series([-1.0, 0, 0.8, 9])).tolist() == [0, 0, 100, 100]


def test_the_default_rules_know_the_good_direction_and_leave_the_csm_out() -> None:
    features = {feature.name: feature for feature in CATALOGUE}
    for rule in DEFAULT_RULES:
        feature = features[rule.feature]
        assert feature.good == ("high" if rule.best > rule.worst else "low")
        assert not feature.csm_controlled
        assert feature.low is None or min(rule.worst, rule.best) >= feature.low
        assert feature.high is None or max(rule.worst, rule.best) <= feature.high
    assert sum(rule.weight for rule in DEFAULT_RULES) == 100
    assert Scorecard().dimensions == ("adoption", "engagement", "support", "billing", "sentiment", "relationship")


def test_the_best_row_scores_100_and_the_worst_0() -> None:
    rows = pd.DataFrame({rule.feature: [rule.best, rule.worst] for rule in DEFAULT_RULES})
    assert np.allclose(Scorecard().score(rows).to_numpy(), [[100], [0]])


@pytest.mark.parametrize(
    ("feature", "worst", "best", "weight", "message"),
    [
        ("seats_used_shar", 0, 1, 1, "did you mean seats_used_share"),
        ("xyzzy", 0, 1, 1, "docs/features.md"),
        ("plan", 0, 1, 1, "is a name"),
        ("seats_used_share", 0.5, 0.5, 1, "same worst and best value, 0.5"),
        ("seats_used_share", 0, 1, 0, "weight 0"),
        ("seats_used_share", 0, float("nan"), 1, "not a finite number"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    feature: str, worst: float, best: float, weight: float, message: str
) -> None:
    with pytest.raises(TenureError, match=message):
        Rule(feature, worst, best, weight)


def test_a_scorecard_needs_a_rule_and_no_feature_twice() -> None:
    with pytest.raises(TenureError, match="no rule"):
        Scorecard(())
    with pytest.raises(TenureError, match="more than one rule on nps_latest"):
        Scorecard((NPS, USE, NPS))


def _rows(count: int, seed: int) -> pd.DataFrame:
    """Rows of every feature that the default rules read, a fifth of the values missing."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({rule.feature: rng.normal(rule.worst, 2 * abs(rule.best - rule.worst), count)
                         for rule in DEFAULT_RULES})  # fmt: skip
    return rows.mask(rng.random(rows.shape) < 0.2)


def test_rules_without_the_newer_fields_score_the_same_to_the_last_bit() -> None:
    rows = _rows(500, 3).drop(columns="tickets_open")
    for only in (None, *Scorecard().dimensions):
        total, weights = np.zeros(len(rows)), np.zeros(len(rows))
        for rule in DEFAULT_RULES:
            if rule.feature in rows.columns and only in (None, rule.dimension):
                x = rows[rule.feature].to_numpy()
                points = 100 * np.clip((x - rule.worst) / (rule.best - rule.worst), 0, 1)
                total += np.where(np.isnan(points), 0.0, rule.weight * points)
                weights += rule.weight * ~np.isnan(points)
        wanted = np.divide(total, weights, out=np.full(len(rows), np.nan), where=weights > 0)
        assert Scorecard().score(rows)[only or "score"].to_numpy().tobytes() == wanted.tobytes()


FEATURES = ("days_since_last_use", "active_days_28d", "nps_latest", "mrr", "tickets_open")
NUMBERS = st.none() | st.floats(-50, 50, allow_nan=False)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    worst, best = draw(st.lists(st.integers(-20, 20), min_size=2, max_size=2, unique=True))
    return Rule(
        draw(st.sampled_from(FEATURES)),
        worst,
        best,
        draw(st.sampled_from([0.5, 1, 3, 9])),
        segments=tuple(draw(st.lists(st.sampled_from(["smb", "MID"]), unique=True))),
        stages=tuple(draw(st.lists(st.sampled_from(STAGES), unique=True))),
        missing=draw(st.sampled_from([None, None, 0.0, 30.0, 100.0])),
    )


@st.composite
def cards(draw: st.DrawFn) -> Scorecard:
    kept: list[Rule] = []
    for rule in draw(st.lists(rules(), min_size=1, max_size=6)):
        if not any(rule.meets(other) for other in kept):
            kept.append(rule)
    return Scorecard(tuple(kept), StageSettings(onboarding_days=30))


ROW = st.fixed_dictionaries(
    dict.fromkeys(FEATURES, NUMBERS)
    | {"tenure_days": st.none() | st.integers(0, 90), "segment": st.sampled_from([None, "smb", "Mid", "large"])}
)


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[*FEATURES, "tenure_days", "segment"])
    return frame.astype(dict.fromkeys((*FEATURES, "tenure_days"), "float64")).astype({"segment": object})


@given(cards(), st.lists(ROW, max_size=5))
def test_the_score_is_exactly_the_mean_of_what_was_counted(card: Scorecard, rows: list[dict[str, Any]]) -> None:
    frame = _frame(rows)
    each, scored, told = card.individual(frame), card.score(frame), card.told(frame)
    assert each.columns.tolist() == [rule.label for rule in card.rules]
    stages = stages_of(frame, card.stages).tolist()
    for place, row in enumerate(rows):
        counted = []
        for rule, points in zip(card.rules, each.iloc[place].tolist(), strict=True):
            value = row[rule.feature]
            applies = (not rule.stages or stages[place] in rule.stages) and (
                not rule.segments or (row["segment"] or "").lower() in [name.lower() for name in rule.segments]
            )
            if not applies or (value is None and rule.missing is None):
                assert math.isnan(points)
                continue
            share = 0.0 if value is None else (value - rule.worst) / (rule.best - rule.worst)
            assert points == pytest.approx(rule.missing if value is None else 100 * min(max(share, 0.0), 1.0))
            counted.append((rule, points, value))
        weights = sum(rule.weight for rule, _, _ in counted)
        found = scored["score"].iloc[place]
        if counted:
            assert found == pytest.approx(sum(rule.weight * points for rule, points, _ in counted) / weights, abs=1e-9)
            assert -1e-9 <= found <= 100 + 1e-9
        else:
            assert math.isnan(found)
        assert [one["name"] for one in told[place]] == [rule.label for rule, _, _ in counted]
        for one, (rule, points, value) in zip(told[place], counted, strict=True):
            assert set(one) == {"name", "feature", "value", "score", "weight"}
            assert (one["feature"], one["weight"]) == (rule.feature, rule.weight)
            assert one["score"] == round(one["score"], 1) == pytest.approx(points, abs=0.0501)
            assert one["value"] == (None if value is None else pytest.approx(value, abs=1e-6))
    json.dumps(told, allow_nan=False)
    # A row alone is scored as it is among others.
    for place in range(len(frame)):
        assert card.individual(frame.iloc[[place]]).equals(each.iloc[[place]])


def test_a_rule_for_some_accounts_does_not_count_for_others() -> None:
    card = Scorecard(
        (
            Rule("active_days_28d", worst=0, best=8, weight=1, segments=("smb",)),
            Rule("active_days_28d", worst=0, best=20, weight=1, segments=("Mid", "Large"), stages=("adoption",)),
        )
    )
    rows = pd.DataFrame(
        {"active_days_28d": [4.0] * 5, "segment": ["SMB", "mid", "large", None, "mid"], "tenure_days": [400] * 4 + [9]},
        index=list("abcde"),
    )
    assert card.score(rows)["score"].tolist() == pytest.approx([50, 20, 20, np.nan, np.nan], nan_ok=True)
    assert card.individual(rows).columns.tolist() == ["active_days_28d (smb)", "active_days_28d (Mid, Large; adoption)"]
    assert card.individual(rows).loc["a"].tolist() == pytest.approx([50, np.nan], nan_ok=True)
    # Without a segment on record, no rule that is limited to one counts.
    assert card.score(rows.drop(columns="segment"))["score"].isna().all()
    later = Scorecard(card.rules, StageSettings(onboarding_days=0))
    assert later.score(rows)["score"].tolist()[4] == pytest.approx(20)


def test_what_missing_is_worth() -> None:
    rows = pd.DataFrame({"nps_latest": [np.nan, 10.0], "mrr": [50.0, 50.0]})
    mrr = ScorecardRule("mrr", 0, 100)
    for missing, wanted in {"skip": 50, "worst": 25, "best": 75, 30: 40}.items():
        rule = ScorecardRule("nps_latest", 2, 10, missing=missing)
        card = scorecard_of(Settings(scorecard=(rule, mrr)))
        assert card.score(rows)["score"].tolist() == pytest.approx([wanted, 75]), missing
        assert card.score(rows[["mrr"]])["score"][0] == pytest.approx(wanted)
    told = Scorecard((Rule("nps_latest", 2, 10, 1, name="NPS", missing=0.0),)).told(rows)
    assert told[0] == [{"name": "NPS", "feature": "nps_latest", "value": None, "score": 0.0, "weight": 1}]
    assert told[1][0]["value"] == 10.0


@pytest.mark.parametrize(
    ("metric", "days", "wanted"),
    [
        ("active_days", 28, "active_days_28d"),
        ("active_days", 7, "active_days_7d"),
        ("failed_payments", 90, "failed_payments_90d"),
        ("active_days", 30, "asks for 30 days, over which it is not measured; there is 7 and 28"),
        ("failed_payments", 28, "there is 90"),
        ("active_dayz", 28, "did you mean active_days?"),
        ("active_days_28d", 28, 'write feature = "active_days_28d"'),
        ("tickets_open", 28, 'write feature = "tickets_open"'),
        ("plan", 28, 'write feature = "plan"'),
        ("xyzzy", 28, "there are active_days, "),
    ],
)
def test_a_metric_over_so_many_days_is_a_feature_or_refused(metric: str, days: int, wanted: str) -> None:
    given = ScorecardRule(None, 0, 1, metric=metric, days=days)
    if wanted.startswith(metric):
        assert rule_of(given).feature == wanted
        return
    with pytest.raises(TenureError, match="The scorecard rule on") as refusal:
        rule_of(given)
    assert wanted in str(refusal.value)


def test_the_settings_rules_are_what_is_scored(tmp_path: Path) -> None:
    file = tmp_path / "tenure.toml"
    file.write_text(
        """
        [stages]
        onboarding_days = 10
        [[scorecard.rules]]
        metric = "active_days"
        days = 28
        worst = 20
        best = 0
        impact = "high"
        name = "Comes rarely"
        segments = ["smb"]
        stages = ["onboarding"]
        missing = 12.5
        """
    )
    card = scorecard_of(load_settings(file))
    wanted = Rule("active_days_28d", 20, 0, 9, "Comes rarely", ("smb",), ("onboarding",), 12.5)
    assert card == Scorecard((wanted,), StageSettings(onboarding_days=10))
    assert scorecard_of(Settings()) == Scorecard()


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ({}, {}, False),
        ({"segments": ("smb",)}, {"segments": ("mid",)}, True),
        ({"segments": ("smb",)}, {"segments": ("mid", "SMB ")}, False),
        ({"segments": ("smb",)}, {}, False),
        ({"stages": ("renewal",)}, {"stages": ("adoption",)}, True),
        ({"segments": ("smb",), "stages": ("renewal",)}, {"segments": ("mid",), "stages": ("renewal",)}, True),
        ({"segments": ("smb",), "stages": ("renewal",)}, {"stages": ("renewal",)}, False),
    ],
)
def test_two_rules_on_a_feature_must_not_meet(one: dict[str, Any], other: dict[str, Any], apart: bool) -> None:
    rules = (Rule("nps_latest", 2, 10, 1, name="a", **one), Rule("nps_latest", 2, 10, 1, name="b", **other))
    if apart:
        assert Scorecard(rules).rules == rules
    else:
        with pytest.raises(TenureError, match="more than one rule on nps_latest for the same accounts"):
            Scorecard(rules)


def test_two_rules_must_not_have_one_name() -> None:
    with pytest.raises(TenureError, match='more than one rule called "use"'):
        Scorecard((Rule("mrr", 0, 1, 1, name="use"), Rule("nps_latest", 2, 10, 1, name="use")))
    with pytest.raises(TenureError, match="gives 101 points to a missing value"):
        Rule("mrr", 0, 1, 1, missing=101)
