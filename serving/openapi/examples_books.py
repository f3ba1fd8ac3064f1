"""Examples of answers about whole books: those of a small made-up company, as they were given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["BOOK_ANSWERS"]

BOOK_ANSWERS: dict[str, Any] = json.loads(Path(__file__).with_name("examples_books.json").read_text(encoding="utf-8"))
"""By schema; under `ListAnswers` one of each list, by its name."""
