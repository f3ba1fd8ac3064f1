"""The engine speaks the whole algebra: random declarations on random companies come to what plain loops come to."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from features import algebra
from features.build import build_features
from features.feature import Catalogue, Feature
from features.history import History
from features.settings import HistorySettings, Settings

AS_OF = dt.date(2024, 5, 31)
DAYS = [AS_OF - dt.timedelta(days=n) for n in (31, 0, -29)]


def declared(measures: list[algebra.Expression]) -> Catalogue:
    """A catalogue of features called f0, f1, ..."""
    return Catalogue(
        tuple(
            Feature(
                name=f"f{n}", dimension="growth", measure=m, unit="", show="number", sentence="{value}", missing="No"
            )
            for n, m in enumerate(measures)
        )
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_is_declared_is_what_is_computed(
    seed: int, company: ModuleType, oracle: ModuleType, loops: ModuleType, fresh_folder: Callable[[], Path]
) -> None:
    rng = Random(7000 + seed)
    tables = company.make(rng, AS_OF, accounts=12)
    measures = [loops.speak(rng) for _ in range(120)]
    lenient = Settings(history=HistorySettings(max_failing_share=1.0))
    history = History.open(company.write(tables, fresh_folder()), lenient)
    found = build_features(history, DAYS, declared(measures))
    compared = 0
    for row in found.to_dict("records"):
        as_of = row["as_of"].date()
        states = oracle.features(tables, as_of)[row["account_id"]]
        view = oracle.View(tables, row["account_id"], as_of)
        for n, measure in enumerate(measures):
            wanted, got = loops.value_of(measure, view, states), row[f"f{n}"]
            same = math.isnan(got) if wanted is None else math.isclose(got, wanted, rel_tol=1e-12, abs_tol=0)
            assert same, f"{row['account_id']} at {as_of}: {got}, the loops say {wanted} of {measure}"
            compared += wanted is not None and wanted != 0
    assert compared > 200
