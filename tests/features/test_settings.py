"""Settings: what `tenure.toml` may say, and one plain sentence for everything else."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from features.errors import TenureError
from features.settings import ScorecardRule, Settings, load_settings


def _load(folder: Path, text: str | bytes) -> Settings:
    file = folder / "tenure.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_settings(file)


def test_defaults_are_the_designs(tmp_path: Path) -> None:
    for settings in (load_settings(), _load(tmp_path, "")):
        assert settings == Settings()
        assert settings.churn.grace_days == 30
        assert settings.churn.event == "end"
        assert settings.churn.horizons == settings.expansion.horizons == (30, 90, 180, 365)
        assert settings.history.max_failing_share == 0.2
        assert settings.training.grid == "monthly"
        assert settings.training.min_churned == (100, 50, 50)
        assert (settings.training.capacity, settings.training.backtest_origins) == (25, 4)
        assert settings.scorecard == ()


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    settings = _load(
        tmp_path,
        """
        [outcomes.churn]
        horizons = [28, 91, 364]
        grace_days = 0
        event = "notice"
        [outcomes.expansion]
        growth = 0.25
        horizons = [30, 90]
        [history]
        max_failing_share = 1
        observed_until = 2014-10-01
        recording_lag_days = 0
        [training]
        grid = "weekly"
        min_churned = [10, 5, 5]
        holdout_from = 2014-01-01
        capacity = 40
        backtest_origins = 1
        [[scorecard.rules]]
        feature = "days_since_last_use"
        worst = 30
        best = 0
        [[scorecard.rules]]
        feature = "mrr"
        worst = 0.0
        best = 999.5
        weight = 2
        """,
    )
    assert settings.churn.horizons == (28, 91, 364)
    assert (settings.churn.grace_days, settings.churn.event) == (0, "notice")
    assert (settings.expansion.growth, settings.expansion.horizons) == (0.25, (30, 90))
    assert settings.history.observed_until == dt.date(2014, 10, 1)
    assert (settings.history.recording_lag_days, settings.history.max_failing_share) == (0, 1)
    assert (settings.training.grid, settings.training.min_churned) == ("weekly", (10, 5, 5))
    assert (settings.training.capacity, settings.training.backtest_origins) == (40, 1)
    assert settings.scorecard == (
        ScorecardRule("days_since_last_use", 30, 0), ScorecardRule("mrr", 0.0, 999.5, 2),
    )  # fmt: skip


REFUSED = {
    "[histroy]\n": r"\[histroy\]",
    "[history]\nmax_share = 0.1\n": "max_share",
    "[history]\nmax_failing_share = 1.5\n": "max_failing_share",
    "[history]\nmax_failing_share = -0.1\n": "max_failing_share",
    "[history]\nmax_failing_share = nan\n": "max_failing_share",
    '[history]\nmax_failing_share = "0.1"\n': "max_failing_share",
    "[history]\nmax_failing_share = true\n": "max_failing_share",
    "[history]\nrecording_lag_days = -5\n": "recording_lag_days",
    "[history]\nrecording_lag_days = 1.5\n": "recording_lag_days",
    "[history]\nstale_after_days = -1\n": "stale_after_days",
    '[history]\nobserved_until = "2024-01-01"\n': "observed_until",
    "[history]\nobserved_until = 2024-01-01T10:00:00\n": "observed_until",
    "history = 3\n": "history",
    "[[history]]\n": "history",
    "[outcomes.churn]\nhorizons = []\n": "horizons",
    "[outcomes.churn]\nhorizons = [90, 30]\n": "horizons",
    "[outcomes.churn]\nhorizons = [30, 30]\n": "horizons",
    "[outcomes.churn]\nhorizons = [30, true]\n": "horizons",
    "[outcomes.churn]\nhorizons = [30, 2000]\n": "horizons",
    "[outcomes.churn]\nhorizons = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]\n": "1 to 12",
    "[outcomes.churn]\nhorizons = [0]\n": "horizons",
    "[outcomes.churn]\nhorizons = [90.0]\n": "horizons",
    "[outcomes.churn]\nhorizons = 90\n": "horizons",
    "[outcomes.churn]\ngrace_days = -1\n": "grace_days",
    '[outcomes.churn]\nevent = "renewal"\n': "event",
    "[outcomes.renewal]\n": "renewal",
    "[outcomes.expansion]\ngrowth = 0\n": "growth",
    "[outcomes.expansion]\ngrowth = nan\n": "growth",
    "[outcomes.expansion]\nhorizons = []\n": "horizons",
    "[outcomes.expansion]\nhorizons = [90, 30]\n": "horizons",
    "[outcomes.expansion]\nhorizons = [0]\n": "horizons",
    "outcomes = 3\n": "outcomes",
    'outcomes = "churn"\n': "outcomes",
    "[outcomes]\nchurn = 3\n": "churn",
    '[training]\ngrid = "daily"\n': "grid",
    "[training]\nmin_churned = [1, 2]\n": "min_churned",
    "[training]\nbootstrap = 1\n": "bootstrap",
    "[training]\ncapacity = 0\n": "capacity",
    "[training]\ncapacity = 2.5\n": "capacity",
    "[training]\nbacktest_origins = 0\n": "backtest_origins",
    "[training]\nbacktest_origins = 25\n": "backtest_origins",
    "[training]\nmin_churned = [1, 2, 0]\n": "min_churned",
    "[scorecard]\nrule = 1\n": r"\[\[scorecard.rules\]\]",
    "[[scorecard]]\nfeature = 'mrr'\n": r"\[\[scorecard.rules\]\]",
    "scorecard = 5\n": r"\[\[scorecard.rules\]\]",
    "[scorecard]\nrules = 'mrr'\n": r"\[\[scorecard.rules\]\]",
    "[scorecard]\nrules = ['mrr']\n": "scorecard.rules must be a section",
    "[[scorecard.rules]]\nfeature = 'mrr'\nworst = 1\n": "rule 1 .* has no best",
    "[[scorecard.rules]]\nfeature = 'mrr'\nworst = 1\nbest = 'high'\n": "best",
    "[[scorecard.rules]]\nfeature = 'mrr'\nworst = 1\nbest = 2\npoints = 3\n": "points",
    "[[scorecard.rules]]\nfeature = 3\nworst = 1\nbest = 2\n": "feature",
    "[[scorecard.rules]]\nfeature = 'mrr'\nworst = true\nbest = 2\n": "worst",
    "[training]\nwarmup_days = -1\n": "warmup_days",
    "[history\n": "not valid TOML",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_said_is_refused_by_name(text: str, tmp_path: Path) -> None:
    with pytest.raises(TenureError, match=REFUSED[text]) as refusal:
        _load(tmp_path, text)
    assert str(refusal.value).endswith(".")
    assert "\n" not in str(refusal.value)
    assert not re.search(r"Traceback|TypeError", str(refusal.value))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.toml", tmp_path):
        with pytest.raises(TenureError, match="cannot be read"):
            load_settings(path)
    with pytest.raises(TenureError, match="not valid TOML"):
        _load(tmp_path, "[history] # Süd".encode("latin-1"))
