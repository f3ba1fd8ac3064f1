"""The pipeline against an oracle that shares no code with it, row for row, on random small companies."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import pandas as pd
import pytest

from features.build import build_features
from features.catalogue import CATALOGUE
from features.cohort import account_statuses
from features.history import History
from features.labels import churn_days, churn_labels
from features.settings import ChurnSettings, HistorySettings, Settings

AS_OF = dt.date(2024, 5, 31)


def _same(ours: object, theirs: object) -> bool:
    if theirs is None:
        return ours is None or (isinstance(ours, float) and math.isnan(ours))
    if isinstance(theirs, str):
        return ours == theirs
    return math.isclose(float(ours), float(theirs), rel_tol=1e-12, abs_tol=0.0)  # type: ignore[arg-type]  # neither is None here


@pytest.mark.parametrize("seed", range(5))
def test_every_feature_of_every_account_is_the_oracles(
    seed: int, company: ModuleType, oracle: ModuleType, fresh_folder: Callable[[], Path]
) -> None:
    tables = company.make(Random(seed), AS_OF, accounts=10)
    history = History.open(company.write(tables, fresh_folder(), "parquet" if seed % 2 else "csv"))
    assert history.report.failing == {}
    for as_of in (AS_OF, AS_OF - dt.timedelta(days=30), AS_OF + dt.timedelta(days=29)):
        wanted = oracle.features(tables, as_of)
        rows = build_features(history, [as_of])
        assert list(rows["account_id"]) == list(wanted)
        for row in rows.to_dict("records"):
            expected = wanted[row["account_id"]]
            wrong = {n: (row[n], v) for n, v in expected.items() if not _same(row[n], v)}
            assert not wrong, f"{row['account_id']} at {as_of}, (ours, the oracle's): {wrong}"


def test_the_oracle_covers_the_catalogue_and_meets_values_and_gaps(company: ModuleType, oracle: ModuleType) -> None:
    values: dict[str, set[bool]] = {}
    for seed in range(16):
        for row in oracle.features(company.make(Random(seed), AS_OF, accounts=10), AS_OF).values():
            for name, value in row.items():
                values.setdefault(name, set()).add(value is not None)
    covered = set(values) & set(CATALOGUE.names)
    assert len(covered) >= 45
    assert all(True in values[n] for n in covered)
    assert sum(len(values[n]) == 2 for n in covered) >= 20  # missing for some accounts, there for others


@pytest.mark.parametrize("seed", range(4))
def test_statuses_are_the_oracles(
    seed: int, company: ModuleType, oracle: ModuleType, fresh_folder: Callable[[], Path]
) -> None:
    tables = company.make(Random(1000 + seed), AS_OF, accounts=16)
    history = History.open(company.write(tables, fresh_folder()))
    for as_of in (AS_OF, AS_OF - dt.timedelta(days=45)):
        found = account_statuses(history, as_of)
        assert dict(zip(found["account_id"], found["status"], strict=True)) == oracle.statuses(tables, as_of)


@pytest.mark.parametrize("event", ["end", "notice"])
@pytest.mark.parametrize("grace", [0, 30])
@pytest.mark.parametrize("seed", range(2))
def test_churns_and_labels_are_the_oracles(
    seed: int, grace: int, event: str, company: ModuleType, oracle: ModuleType, fresh_folder: Callable[[], Path]
) -> None:
    tables = company.make(Random(2000 + seed), AS_OF, accounts=16)
    settings = Settings(
        history=HistorySettings(recording_lag_days=5),
        churn=ChurnSettings(grace_days=grace, event=event),  # type: ignore[arg-type]  # text from a parameter
    )
    history = History.open(company.write(tables, fresh_folder()), settings)
    known_on = AS_OF + dt.timedelta(days=100)
    ours = churn_days(history, known_on)
    wanted = oracle.churns(tables, known_on, grace, event)
    assert wanted == [
        (a, day.date(), bool(i))
        for a, day, i in zip(ours["account_id"], ours["churned_on"], ours["involuntary"], strict=True)
    ]
    # An account and day need not be in the cohort to have a label; asking for all of them tests more.
    days = [AS_OF - dt.timedelta(days=n) for n in (-31, -30, 0, 7, 30, 31, 60, 64, 65, 66, 200)]
    pairs = [(a["account_id"], day) for a in tables["accounts"] for day in days]
    rows = pd.DataFrame(pairs, columns=["account_id", "as_of"])
    rows = rows.sample(frac=1, random_state=seed).reset_index(drop=True)
    rows["as_of"] = pd.to_datetime(rows["as_of"])
    found = churn_labels(history, rows, 65, known_on)
    for (account, day), (label, churned, involuntary) in zip(
        rows.itertuples(index=False, name=None), found.itertuples(index=False, name=None), strict=True
    ):
        expected = oracle.label(wanted, account, day.date(), horizon=65, wait=65 + grace + 5, known_on=known_on)
        got = (None if math.isnan(label) else label, None if pd.isna(churned) else churned.date(), involuntary)
        assert got == expected
    assert set(found["label"].dropna()) == {0.0, 1.0}
    assert found["label"].isna().any()
