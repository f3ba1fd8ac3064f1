from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from features.errors import TenureError
from training.scorecard import DEFAULT_RULES, Rule, Scorecard

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
