"""What `tenure score` warns of before it scores: lost tables, and days that the model has learned from."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from serving.job import _doubts_of_model


@pytest.mark.parametrize(
    ("tables", "as_of", "said"),
    [
        ({"usage", "tickets"}, dt.date(2025, 7, 1), []),
        ({"usage"}, dt.date(2025, 7, 1), ["trained with tickets, which"]),
        ({"usage", "tickets", "cards"}, dt.date(2025, 6, 30), ["learned from what happened until 2025-07-01"]),
        ({"usage"}, dt.date(2024, 1, 1), ["trained with tickets", "until 2025-07-01"]),
    ],
)
def test_what_makes_scores_say_less(tmp_path: Path, tables: set[str], as_of: dt.date, said: list[str]) -> None:
    (tmp_path / "reference.json").write_text(json.dumps({"tables": ["tickets", "usage"]}))
    model: Any = SimpleNamespace(folder=tmp_path, card={"known_on": "2025-07-01"})
    history: Any = SimpleNamespace(tables=frozenset(tables))
    found = _doubts_of_model(model, history, as_of)
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))


def test_a_model_without_a_reference_or_a_day_is_not_doubted(tmp_path: Path) -> None:
    model: Any = SimpleNamespace(folder=tmp_path, card={})
    history: Any = SimpleNamespace(tables=frozenset({"usage"}))
    assert _doubts_of_model(model, history, dt.date(2020, 1, 1)) == []
