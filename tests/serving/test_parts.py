"""Parts: every row gets what it would get alone, whatever the size of the parts and whoever else fails."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving import parts
from serving.champion import Champion
from serving.drafts import Drafts
from serving.forecast import Forecast
from serving.healths import Healths
from serving.parts import key_of, told_of

FAILS = 666.0
"""An MRR on which the kernel of the tests fails."""


def rows_of(mrr: list[float]) -> pd.DataFrame:
    count = len(mrr)
    return pd.DataFrame(
        {
            "account_id": np.array([f"a-{n:03d}" for n in range(count)], dtype=object),
            "as_of": pd.Timestamp("2026-02-01"),
            "mrr": mrr,
            "days_since_last_use": np.arange(count) % 7.0,
            "active_share": np.where(np.arange(count) % 3, 0.5, np.nan),
            "plan": pd.Series(([None, "basic", "pro"] * count)[:count], dtype=object),
        }
    )


@pytest.fixture(scope="module")
def forecast(make_champion: Callable[..., Champion]) -> Forecast:
    """Models whose drivers hold no NaN, as those of a kernel never do."""
    known = make_champion(expansion=True).forecast

    def drivers(kernel: Any, rows: pd.DataFrame, horizon: int) -> list[list[dict[str, Any]]]:
        told = known.drivers(kernel, rows, horizon)
        return [[{**d, "points": float(d["points"]), "value": None} for d in one] for one in told]

    models = {"churn": dataclasses.replace(known.churn, digest="c"), "drivers": drivers}
    assert known.expansion
    return dataclasses.replace(known, **models, expansion=dataclasses.replace(known.expansion, digest="e"))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    mrr=st.lists(st.sampled_from([0.0, 10.0, 250.0, float("nan"), FAILS]), min_size=1, max_size=24),
    size=st.integers(1, 30),
)
def test_every_row_gets_what_it_would_get_alone(forecast: Forecast, mrr: list[float], size: int) -> None:
    rows = rows_of(mrr)
    steps: list[tuple[int, int]] = []
    told = told_of(forecast, rows, progress=lambda done, count: steps.append((done, count)), size=size).frame
    assert told.index.equals(rows.index)
    assert steps[-1] == (len(rows), len(rows))
    assert len(steps) == -(-len(rows) // size)
    fails = np.array(mrr) == FAILS
    assert (told["error"].notna() == fails).all()
    if fails.all():
        return
    assert told.columns[-1] == "error"
    assert told[fails].drop(columns="error").isna().all().all()
    for n in np.flatnonzero(~fails):
        alone = told_of(forecast, rows.iloc[[n]]).frame
        pd.testing.assert_frame_equal(told.iloc[[n]], alone, check_exact=True)
    text_of_failing = told.loc[fails, "drivers"].tolist()
    assert text_of_failing == [None] * len(text_of_failing), "None and not NaN"
    assert set(told.loc[fails, "error"]) <= {"The model failed on this account: the model fails on this one."}


def test_a_row_that_no_score_file_could_hold_fails_alone(forecast: Forecast) -> None:
    """Whatever the store would refuse a whole day for."""

    def spoilt(kernel: Any, rows: pd.DataFrame, horizon: int) -> list[list[dict[str, Any]]]:
        found = forecast.drivers(kernel, rows, horizon)
        for name, told in zip(rows["account_id"], found, strict=True):
            if name == "a-001":
                told[0]["points"] += 1e-6
            if name == "a-003":
                told[0]["value"] = float("inf")
        return found

    wrong = dataclasses.replace(forecast, drivers=spoilt)
    told = told_of(wrong, rows_of([10.0] * 6)).frame
    assert told["error"].notna().tolist() == [False, True, False, True, False, False]
    assert "miss the probability by -1e-06" in told["error"][1]
    assert json.loads(told["drivers"][2])


def test_errors_are_one_line_that_any_database_can_hold() -> None:
    for text in ("a\0b\nc", "\ud800", "x" * 5000, "", "\n \n", "Full stop."):
        why = parts._why(ValueError(text))
        assert why.encode()
        assert "\n" not in why
        assert "\0" not in why
        assert len(why) < 300
        assert why.endswith(".")
        assert not why.endswith("..")
    assert parts._why(ValueError("")) == "The model failed on this account: ValueError."


class Counting:
    """Rows that went through the models."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows = 0
        known = parts._said

        def said(forecast: Forecast, rows: pd.DataFrame, healths: Healths | None) -> pd.DataFrame:
            self.rows += len(rows)
            return known(forecast, rows, healths)

        monkeypatch.setattr(parts, "_said", said)


def test_what_was_kept_is_not_worked_out_again(
    forecast: Forecast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of([float(n) for n in range(50)])
    expected = told_of(forecast, rows).frame
    count = Counting(monkeypatch)

    class KilledError(BaseException):
        pass

    def kill(done: int, of_all: int) -> None:
        if done == 30:
            raise KilledError

    with pytest.raises(KilledError):
        told_of(forecast, rows, Drafts(tmp_path), kill, size=10)
    assert (count.rows, len(list((tmp_path / "drafts").iterdir()))) == (30, 3)
    again = told_of(forecast, rows, Drafts(tmp_path), size=10)
    assert (count.rows, again.resumed) == (50, 30)
    pd.testing.assert_frame_equal(again.frame, expected, check_exact=True)
    changed = rows.copy()
    changed.loc[14, "mrr"] = 15.0
    assert told_of(forecast, changed, Drafts(tmp_path), size=10).resumed == 40
    (tmp_path / "drafts" / f"{key_of(forecast, rows.iloc[:10])}.draft").write_bytes(b"")
    again = told_of(forecast, rows, Drafts(tmp_path), size=10)
    assert again.resumed == 40
    pd.testing.assert_frame_equal(again.frame, expected, check_exact=True)


def test_a_part_with_a_failure_is_tried_again(forecast: Forecast, tmp_path: Path) -> None:
    rows = rows_of([1.0, 2.0, FAILS, 4.0])
    for _ in range(2):
        told = told_of(forecast, rows, Drafts(tmp_path), size=2)
        assert told.frame["error"].notna().tolist() == [False, False, True, False]
    assert told.resumed == 2


def test_a_key_tells_apart_whatever_could_change_the_result(forecast: Forecast) -> None:
    rows = rows_of([1.0, 2.0, 3.0])
    others = [
        rows.iloc[:2],
        rows.iloc[::-1],
        rows.assign(account_id=["a", "b", "c"]),
        rows.assign(mrr=[1.0, 2.0, np.nan]),
        rows.assign(mrr=[1.0, 2.0, np.nextafter(3.0, 4.0)]),
        rows.assign(plan=pd.Series([None, "basic", None], dtype=object)),
        rows.assign(plan=pd.Series(["None", "basic", "pro"], dtype=object)),
        rows.assign(plan=pd.Series(["nan", "basic", "pro"], dtype=object)),
        rows.assign(as_of=pd.Timestamp("2026-02-02")),
        rows.rename(columns={"active_share": "another"}),
    ]
    keys = {key_of(forecast, each) for each in [rows, *others]}
    assert len(keys) == len(others) + 1
    trained_again = dataclasses.replace(forecast.churn, digest="d")
    assert key_of(dataclasses.replace(forecast, churn=trained_again), rows) not in keys
    assert key_of(dataclasses.replace(forecast, expansion=None), rows) not in keys
    assert key_of(forecast, rows.copy()) == key_of(forecast, rows)
    assert key_of(dataclasses.replace(forecast, churn=dataclasses.replace(forecast.churn, digest="")), rows) == ""
