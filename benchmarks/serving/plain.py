"""Plain: the look-up of stored scores as one writes it first in BentoML, with the rows in a dict and a method."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import bentoml

from training.kernel.drivers import with_rest

__all__ = ["Plain"]


@bentoml.service(name="plain", workers=int(os.environ.get("PLAIN_WORKERS", "1")))
class Plain:
    """Rows, and what is said once of all of them, from the JSON file that PLAIN_ROWS names."""

    def __init__(self) -> None:
        stored = json.loads(Path(os.environ["PLAIN_ROWS"]).read_text(encoding="utf-8"))
        self.header: dict[str, Any] = stored["header"]
        self.rows: dict[str, dict[str, Any]] = stored["rows"]

    @bentoml.api
    def score(self, account_ids: list[str], explain: int = 5) -> dict[str, Any]:
        """The rows asked for, with their largest drivers."""
        return {**self.header, "results": [self._row(account_id, explain) for account_id in account_ids]}

    @bentoml.api
    async def score_async(self, account_ids: list[str], explain: int = 5) -> dict[str, Any]:
        """The same without a thread for each request."""
        return {**self.header, "results": [self._row(account_id, explain) for account_id in account_ids]}

    def _row(self, account_id: str, explain: int) -> dict[str, Any]:
        row = self.rows.get(account_id)
        if row is None:
            return {"account_id": account_id, "error": {"type": "unknown-account"}}
        told = dict(row)
        for outcome, prefix in (("churn", ""), ("expansion", "expansion_")):
            drivers, horizon = row.get(f"{prefix}drivers"), row.get(f"{prefix}drivers_horizon")
            if drivers:
                probability, typical = row[f"{outcome}_{horizon}d"], row[f"{prefix}typical_{horizon}d"]
                told[f"{prefix}drivers"] = with_rest(drivers[:explain], len(drivers) > explain, probability, typical)
        return told
