"""Examples of reports on a period: those of a small made-up company, as they were kept and answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["MONEY_ANSWERS"]

MONEY_ANSWERS: dict[str, Any] = json.loads(Path(__file__).with_name("examples_money.json").read_text(encoding="utf-8"))
"""By schema, and by the name of the request."""
