"""Small companies for tests: rows as somebody would write them down in, a history out."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from features.history import History
from features.money import RevenueSettings
from features.settings import HistorySettings, Settings

__all__ = ["by_month", "company", "subscription"]

Row = dict[str, Any]
FIRST = "2020-01-01"


def company(folder: Path, revenue: RevenueSettings | None = None, **tables: Sequence[Row]) -> History:
    """A history of some tables; every account that a subscription names is there, and one day of usage.

    Accounts, usage and others that are given are taken as they are. Usage is on record until 2026.
    """
    accounts = {row["account_id"] for row in tables.get("subscriptions", ())}
    given = {
        "accounts": [{"account_id": a, "created_on": FIRST} for a in sorted(accounts)],
        "usage": [{"account_id": min(accounts), "day": FIRST, "feature": "home", "events": 1}],
        **tables,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in given.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
    observed = HistorySettings(observed_until=dt.date(2026, 1, 1))
    return History.open(folder, Settings(history=observed, revenue=revenue or RevenueSettings()), threads=1)


def subscription(account: str, mrr: float, started_on: str, ended_on: str = "", **others: Any) -> Row:
    """A paid subscription; one that ends was cancelled, unless something else is said."""
    row = {"subscription_id": f"s-{account}-{started_on}", "account_id": account, "plan": "basic"}
    row |= {"started_on": started_on, "ended_on": ended_on, "mrr": mrr, "term_months": "", "renews_on": ""}
    return row | {"end_reason": "voluntary" if ended_on else ""} | others


def by_month(first: str, months: int, amount: float, category: str = "csm", **others: Any) -> list[Row]:
    """The same costs in each of some months, from the first one ("2024-07") on."""
    year, month = map(int, first.split("-"))
    days = [dt.date(year + (month - 1 + n) // 12, (month - 1 + n) % 12 + 1, 1) for n in range(months)]
    return [
        {"month": day, "category": category, "amount": amount, "csm_id": "", "segment": ""} | others for day in days
    ]
