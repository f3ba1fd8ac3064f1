from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import TenureError
from features.settings import Settings, TrainingSettings
from training.train import plan_blocks, train_dataset


def test_too_little_churn_is_refused_with_the_numbers(make_dataset: Any, tmp_path: Path) -> None:
    dataset = make_dataset(accounts=120)
    with pytest.raises(TenureError, match=r"of 100 in train, .* of 50 in holdout;") as refused:
        train_dataset(dataset, Settings(), tmp_path / "home")
    asked = Settings(training=TrainingSettings(min_churned=(1, 1, 1)))
    blocks, _ = plan_blocks(dataset, asked)
    for name, days in (("train", blocks.train), ("calibration", blocks.calibration), ("holdout", blocks.holdout)):
        part = dataset.on(days)
        churned = len({a for a, y in zip(part.accounts, part.labels, strict=True) if y == 1})
        needed = 100 if name == "train" else 50
        assert f"{churned} of {needed} in {name}" in str(refused.value)
    assert not (tmp_path / "home").exists()


def test_a_history_that_is_too_short_is_refused_with_the_numbers(make_dataset: Any, tmp_path: Path) -> None:
    with pytest.raises(TenureError, match=r"needs about \d+ days from the first usage .* and there are 92"):
        train_dataset(make_dataset(months=3), Settings(), tmp_path)


def test_the_refit_reaches_back_until_enough_have_churned(make_dataset: Any, settings: Settings) -> None:
    dataset = make_dataset(accounts=300)
    quiet = dataset.as_of >= np.datetime64(dataset.as_ofs[-2])
    dataset.labels[quiet & (np.arange(len(quiet)) % 7 != 0)] = 0
    asked = Settings(training=replace(settings.training, min_churned=(50, 40, 1)))
    blocks, refit = plan_blocks(dataset, asked)
    assert len(refit.calibration) > len(blocks.calibration)
    assert dataset.on(refit.calibration).churned_accounts >= 40
    assert dataset.on(refit.calibration[1:]).churned_accounts < 40
    assert refit.calibration[-1] == dataset.as_ofs[-1]


def test_given_borders_are_kept(make_dataset: Any, settings: Settings) -> None:
    dataset = make_dataset()
    asked = Settings(
        training=replace(settings.training, calibration_from=dataset.as_ofs[7], holdout_from=dataset.as_ofs[11])
    )
    blocks, _ = plan_blocks(dataset, asked)
    assert blocks.train == dataset.as_ofs[:6]  # 32 days before 1 August is 30 June
    assert blocks.calibration == dataset.as_ofs[7:10]
    assert blocks.holdout == dataset.as_ofs[11:]
