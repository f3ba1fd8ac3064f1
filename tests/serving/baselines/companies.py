"""A small company whose accounts change hands, and models of it that nobody had to fit."""

from __future__ import annotations

import dataclasses
import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from features.history import History
from tests.success.economics.companies import company, subscription
from tests.training.renewing import kernel
from training.judges import Judges, save_judges
from training.kernel import Kernel, save_kernel
from training.registry import RegisteredModel
from training.unforeseen import Unforeseen

BASE = dt.date(2025, 7, 1)
Row = dict[str, Any]

SUBSCRIPTIONS: list[Row] = [
    subscription("kept", 100, "2024-01-01", term_months=12),
    subscription("handed", 200, "2024-02-15", term_months=12),
    subscription("bobs", 300, "2024-01-01", term_months=1),
    subscription("nobodys", 400, "2024-04-01", term_months=12),
    subscription("cids", 500, "2025-01-20", term_months=12),
    subscription("gone", 600, "2024-01-01", "2025-06-20"),
    subscription("leaving", 700, "2024-01-01", notice_on="2025-06-15"),
    subscription("new", 800, "2025-07-15", term_months=12),
    subscription("lost", 50, "2024-01-01", "2025-02-01"),
    subscription("leaves later", 900, "2024-07-01", notice_on="2025-07-02", term_months=12),
]
ASSIGNMENTS: list[Row] = [
    {"account_id": account, "csm_id": csm, "from_on": begin, "to_on": end}
    for account, csm, begin, end in [
        ("kept", "ann", "2025-03-10", ""),
        ("handed", "ann", "2025-06-10", "2025-08-10"),
        ("handed", "bob", "2025-08-10", ""),
        ("bobs", "bob", "2024-01-05", ""),
        ("cids", "cid", "2025-03-20", ""),
        ("gone", "ann", "2024-01-01", ""),
        ("leaving", "ann", "2024-01-01", ""),
        ("new", "ann", "2025-07-15", ""),
        ("lost", "eve", "2024-01-05", "2024-06-01"),
        ("lost", "ann", "2024-06-01", "2025-02-01"),
        ("leaves later", "dan", "2025-03-03", ""),
    ]
]
HOLDERS = {"kept": "ann", "handed": "ann", "bobs": "bob", "nobodys": "", "cids": "cid", "gone": "ann", "leaving": "ann",
           "leaves later": "dan"}  # fmt: skip
"""Of whom something is expected on `BASE`, and whose they are."""
SEGMENTS = {"kept": "smb", "bobs": "large", "nobodys": "", "cids": "smb", "gone": "large", "early": ""}
STANDING = dict.fromkeys(HOLDERS, "model") | {"gone": "grace", "leaving": "notice"}


def filled(rows: list[Row], *columns: str) -> list[Row]:
    return [dict.fromkeys(columns, "") | row for row in rows]


def history_of(
    folder: Path,
    subscriptions: list[Row] | None = None,
    assignments: list[Row] | None = None,
    began: str = "2020-01-01",
) -> History:
    """The company, with other subscriptions or assignments where they are given, observed from a day on."""
    subscriptions = SUBSCRIPTIONS if subscriptions is None else subscriptions
    ids = sorted({row["account_id"] for row in subscriptions})
    accounts = [{"account_id": a, "created_on": "2020-01-01", "segment": SEGMENTS.get(a, "mid")} for a in ids]
    history = company(
        folder,
        accounts=accounts,
        subscriptions=filled(subscriptions, "notice_on", "ended_on_recorded_at"),
        assignments=ASSIGNMENTS if assignments is None else assignments,
        usage=[{"account_id": ids[0], "day": began, "feature": "home", "events": 1}],
    )
    assert history.report.failing == {}
    return history


def growing(seed: int) -> Kernel:
    made = kernel(seed)
    assert not made.ratios
    return made


@cache
def judges_of(seed: int = 0) -> Judges:
    """Ann and Bob are judged by one model each, Cid by what has seen the book; Dan is new."""
    return Judges(
        growing(3 * seed),
        Unforeseen(0.1 + seed / 10, 0.2, 0.01, {90: 0.01}),
        {0: growing(3 * seed + 1), 1: growing(3 * seed + 2)},
        {"ann": 0, "bob": 1},
        frozenset({"cid"}),
    )


def model_of(folder: Path, version: str, known_on: str | None, seed: int = 0) -> RegisteredModel:
    """A registered version with judges, as far as freezing looks at one."""
    place = folder / f"version-{version}"
    if not place.exists():
        save_kernel(judges_of(seed).everybody, place)
        save_judges(judges_of(seed), place)
    card = {} if known_on is None else {"known_on": known_on}
    return RegisteredModel(version, None, "run", "c" * 64, place, card, passed=True, reason="")


def relearned(model: RegisteredModel, known_on: str) -> RegisteredModel:
    return dataclasses.replace(model, card={"known_on": known_on})


def features_of(history: History, base: dt.date) -> pd.DataFrame:
    from features.build import build_features

    return build_features(history, [base]).set_index("account_id")
