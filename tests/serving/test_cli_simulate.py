"""The options of `tenure simulate`: each reaches the company, and a bad one is refused in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

SMALL = ("--accounts", "60", "--months", "8", "--seed", "3")


def test_every_option_reaches_the_company(tenure: Any, tmp_path: Path) -> None:
    options = ("--equal-skill", "--hidden-confounding", "--price-rise", "4:2", "--defects")
    assert tenure("simulate", tmp_path / "new", *SMALL, *options) == 0, tenure.err
    assert "bad on purpose" in tenure.out
    told = (tmp_path / "new" / "truth" / "README.md").read_text(encoding="utf-8")
    for words in (
        "All CSMs have skill 1",
        "nobody records",
        "month 4 they are multiplied by 2",
        "bad rows were planted",
    ):
        assert words in told
    assert (pd.read_parquet(tmp_path / "new" / "truth" / "skills.parquet").skill == 1).all()
    assert len(pd.read_csv(tmp_path / "new" / "truth" / "defects.csv")) > 20


def test_a_bad_price_rise_is_refused(tenure: Any, tmp_path: Path) -> None:
    for wrong, words in (("twice", "MONTH:FACTOR"), ("9:2", "cannot rise in month 9 of 8"), ("3:99", "0.1 to 10")):
        assert tenure("simulate", tmp_path / "new", *SMALL, "--price-rise", wrong) != 0
        assert words in tenure.err
        assert not (tmp_path / "new").exists()
