"""Leaks: each kind, planted in a made-up company, is found; honest companies stay silent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest

from features.build import build_features
from features.history import History
from features.labels import churn_days, churn_labels
from features.settings import ChurnSettings, Settings
from features.simulation import simulate
from features.validation.leaks import TOO_GOOD, find_leaks
from features.validation.report import Leak, Leaks
from features.validation.separation import stratified_auc

Open = Callable[..., History]
Frames = dict[str, pd.DataFrame]
SHARED = Path(__file__).parents[4] / "shared" / "data"


class Company:
    """A made-up company on disk, whose tables a test may change before it is opened."""

    def __init__(self, folder: Path, fresh_folder: Callable[[], Path]) -> None:
        self.folder, self.fresh = folder, fresh_folder
        history = History.open(folder)
        self.until = pd.Timestamp(history.observed_until)
        churned = churn_days(history, history.observed_until)
        self.left_on = churned.groupby("account_id")["churned_on"].max()

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.folder / f"{name}.parquet")

    def leaks(self, **tables: pd.DataFrame) -> list[Leak]:
        """The signs of leaks with some tables in the place of others."""
        folder = self.fresh()
        for file in self.folder.glob("*.parquet"):
            if file.stem in tables:
                tables[file.stem].to_parquet(folder / file.name, index=False)
            else:
                (folder / file.name).symlink_to(file)
        return find_leaks(History.open(folder)).found

    def gone(self, rows: pd.DataFrame) -> pd.Series:
        return rows["account_id"].isin(self.left_on.index)


def written(folder: Path, seed: int, null: bool = False) -> Path:
    """A company whose use is thinned out, for speed."""
    simulate(accounts=600, months=24, seed=seed, null=null).write(folder)
    usage = pd.read_parquet(folder / "usage.parquet")
    usage[:: 5 if null else 3].to_parquet(folder / "usage.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory, fresh_folder: Callable[[], Path]) -> Company:
    return Company(written(tmp_path_factory.mktemp("honest"), seed=3), fresh_folder)


def signs(found: list[Leak]) -> set[tuple[str, str]]:
    return {(leak.where, leak.kind) for leak in found}


def test_an_honest_company_is_silent(honest: Company) -> None:
    leaks = find_leaks(History.open(honest.folder))
    assert leaks.found == []
    assert "features were each tried alone on 4 as_of days" in leaks.judged
    assert "accounts that left and" in leaks.judged


def test_a_company_that_churns_by_chance_is_silent(tmp_path: Path) -> None:
    assert find_leaks(History.open(written(tmp_path, seed=4, null=True))).found == []


@pytest.mark.skipif(not (SHARED / "oulad").is_dir(), reason="shared data are not there")
def test_a_real_history_is_silent() -> None:
    leaks = find_leaks(History.open(SHARED / "oulad"))
    assert leaks.found == []
    assert "features were each tried alone" in leaks.judged


def test_a_value_written_at_churn(honest: Company) -> None:
    accounts = honest.table("accounts")
    segment = accounts["segment"].astype(object).where(~honest.gone(accounts), "cancelled")
    found = honest.leaks(accounts=accounts.assign(segment=segment))
    assert ("accounts.segment", "a value of those who left") in signs(found)
    assert '"cancelled" is carried by' in found[0].says


def test_a_value_that_only_those_who_left_carry_need_not_say_so(honest: Company) -> None:
    accounts = honest.table("accounts")
    neutral = accounts["industry"].astype(object).where(~honest.gone(accounts), "z")
    assert signs(honest.leaks(accounts=accounts.assign(industry=neutral))) >= {
        ("accounts.industry", "a value of those who left")
    }
    by_chance = np.where(
        np.random.default_rng(0).random(len(accounts)) < 0.02, "z", accounts["industry"].astype(object)
    )
    assert honest.leaks(accounts=accounts.assign(industry=by_chance)) == []


def test_a_column_that_only_survivors_have(honest: Company) -> None:
    accounts = honest.table("accounts")
    found = honest.leaks(accounts=accounts.assign(employees=accounts["employees"].where(~honest.gone(accounts))))
    assert ("accounts.employees", "filled for those who stayed") in signs(found)
    [leak] = [leak for leak in found if leak.where == "accounts.employees"]
    assert "(99 %) accounts that stayed" in leak.says  # a few left and came back
    assert "(0 %)" in leak.says


def test_a_column_that_is_mostly_emptied(honest: Company) -> None:
    accounts = honest.table("accounts")
    kept = np.random.default_rng(0).random(len(accounts)) < np.where(honest.gone(accounts), 0.1, 0.95)
    found = honest.leaks(accounts=accounts.assign(industry=accounts["industry"].astype(object).where(kept)))
    assert ("accounts.industry", "filled for those who stayed") in signs(found)


def test_a_column_collected_from_some_day_on_is_no_leak(honest: Company) -> None:
    """Most of who left came before it, but within a quarter of creation it tells nothing."""
    accounts = honest.table("accounts")
    recent = pd.to_datetime(accounts["created_on"]) >= pd.Timestamp("2024-01-01")
    accounts["industry"] = accounts["industry"].astype(object).where(recent)
    assert honest.leaks(accounts=accounts) == []


def test_what_comes_with_age_is_no_leak(open_tables: Open) -> None:
    """Nine in ten of the old accounts left and one in ten of the new: whatever sets old from new sets left from stayed.

    Among accounts of one quarter it says nothing, while a flag that is right about each account does.
    """
    lines = {"accounts": ["account_id,created_on,industry,region,department,lost"],
             "subscriptions": ["subscription_id,account_id,plan,started_on,ended_on,end_reason,mrr"]}  # fmt: skip
    for n in range(1000):
        old, odd = n % 2 == 0, n % 20 < 2
        left = old != odd
        day = f"{2022 if old else 2024}-02-{1 + n % 28:02}"
        ended = "2024-09-01,voluntary" if left else ","
        lines["accounts"].append(f"A{n},{day},{'' if old else 'tea'},{'north' if old else 'south'},x,{left}")
        lines["subscriptions"].append(f"s{n},A{n},pro,{day},{ended},10")
    tables = {name: "\n".join(rows) for name, rows in lines.items()}
    tables["usage"] = "account_id,day,feature,events\nA0,2024-12-31,report,1"
    assert signs(find_leaks(open_tables(tables)).found) == {("accounts.lost", "a value of those who left")}


def test_columns_that_tenure_does_not_use_are_looked_at_too(honest: Company) -> None:
    accounts = honest.table("accounts")
    gone = honest.gone(accounts)
    found = honest.leaks(
        accounts=accounts.assign(
            cancelled_flag=gone, why=np.where(gone, "price", None), owner=np.where(gone, None, "O1"), colour="red"
        )
    )
    assert signs(found) == {
        ("accounts.cancelled_flag", "a value of those who left"),
        ("accounts.why", "filled for those who left"),
        ("accounts.owner", "filled for those who stayed"),
    }
    assert all("Tenure does not use the column" in leak.meaning for leak in found)


def test_a_plan_changed_at_churn_shows_in_the_column_and_in_the_feature(honest: Company) -> None:
    rows = honest.table("subscriptions")
    left = rows["end_reason"].isin(["voluntary", "involuntary"])
    found = honest.leaks(subscriptions=rows.assign(plan=rows["plan"].astype(object).where(~left, "Closed")))
    assert ("subscriptions.plan", "a value of those who left") in signs(found)


@pytest.mark.parametrize("also_ended", [False, True])
def test_renewals_that_are_moved_on(also_ended: bool, honest: Company) -> None:
    rows = honest.table("subscriptions")

    def moved(row: pd.Series) -> object:
        if pd.isna(row["renews_on"]) or (not also_ended and not pd.isna(row["ended_on"])):
            return row["renews_on"]
        until = honest.until if pd.isna(row["ended_on"]) else pd.Timestamp(row["ended_on"])
        day = pd.Timestamp(row["renews_on"])
        while day < until:
            day += pd.DateOffset(months=int(row["term_months"]))
        return day.date()

    [leak] = honest.leaks(subscriptions=rows.assign(renews_on=rows.apply(moved, axis=1)))
    assert (leak.where, leak.kind) == ("subscriptions.renews_on", "moved on since the first renewal")
    assert "(100 %) that go on" in leak.says


def test_a_survey_written_at_churn_and_dated_back(honest: Company) -> None:
    """A feature that alone predicts too well, whose columns look like any others."""
    surveys = honest.table("surveys")
    days = honest.left_on - pd.Timedelta(days=100)
    days = days[days >= pd.to_datetime(surveys["responded_at"]).dt.tz_localize(None).min()]
    rows = {name: [None] * len(days) for name in surveys.columns}
    rows |= {"account_id": list(days.index), "kind": ["csat"] * len(days), "score": [1.0] * len(days)}
    written_back = pd.concat([surveys, pd.DataFrame(rows).assign(responded_at=days.dt.tz_localize("UTC").array)])
    written_back["score"] = written_back["score"].astype(float)
    for name in ("responded_at", "sent_at", "recorded_at"):
        if name in written_back:
            written_back[name] = pd.to_datetime(written_back[name], utc=True)
    found = honest.leaks(surveys=written_back)
    csat = [leak for leak in found if leak.kind == "a feature that alone predicts too well"]
    assert any(leak.where.startswith("csat") for leak in csat)
    assert "in surveys know" in csat[0].meaning


def test_versions_that_begin_with_the_churn(honest: Company) -> None:
    accounts = honest.table("accounts")
    accounts["valid_from"] = pd.to_datetime(accounts["created_on"])
    later = accounts[honest.gone(accounts)].copy()
    later["valid_from"] = later["account_id"].map(honest.left_on)
    later["segment"] = "small"
    both = pd.concat([accounts, later], ignore_index=True)
    both["valid_from"] = pd.to_datetime(both["valid_from"]).dt.date
    assert signs(honest.leaks(accounts=both)) == {("accounts.valid_from", "versions that begin with the churn")}
    rng = np.random.default_rng(0)
    later["valid_from"] = later["valid_from"] - pd.to_timedelta(rng.integers(2, 300, len(later)), unit="D")
    both = pd.concat([accounts, later], ignore_index=True)
    both["valid_from"] = pd.to_datetime(both["valid_from"]).dt.date
    assert honest.leaks(accounts=both) == []


def yearly(rng: Random, accounts: int = 700) -> dict[str, str]:
    """Contracts of a year, one in three of which is not renewed, by chance alone; nobody leaves in between."""
    tables: dict[str, list[str]] = {
        "accounts": ["account_id,created_on"],
        "subscriptions": ["subscription_id,account_id,plan,started_on,ended_on,end_reason,renews_on,term_months,mrr"],
        "usage": ["account_id,day,feature,events"],
    }
    for n in range(accounts):
        start = dt.date(2022, 1, 1) + dt.timedelta(days=rng.randrange(365))
        end = next((y for y in (2023, 2024) if rng.random() < 1 / 3), None)
        ended = f"{start.replace(year=end)},voluntary" if end else ","
        tables["accounts"].append(f"A{n},{start}")
        tables["subscriptions"].append(f"s{n},A{n},pro,{start},{ended},{start.replace(year=start.year + 1)},12,10")
        tables["usage"].append(f"A{n},{start},report,1")
    tables["usage"].append("A0,2025-03-01,report,1")
    return {name: "\n".join(rows) for name, rows in tables.items()}


def test_the_calendar_alone_is_no_leak(open_tables: Open) -> None:
    """Where contracts end only at renewals, the days to the next one come near to knowing, and honestly so."""
    history = open_tables(yearly(Random(1)), Settings(churn=ChurnSettings(horizons=(30,))))
    days = [dt.date(2023, m, 1) for m in (2, 5, 8)]
    rows = build_features(history, days)
    labels = churn_labels(history, rows, 30, history.observed_until)["label"].to_numpy(dtype=float)
    near = -rows["days_to_renewal"].to_numpy(dtype=float)
    assert stratified_auc(near, labels, np.zeros(len(rows), int))[0] > TOO_GOOD + 0.02
    leaks = find_leaks(history)
    assert leaks.found == []
    assert "tried alone" in leaks.judged


def test_too_little_to_see_is_said(open_tables: Open) -> None:
    tables = {
        "accounts": "account_id, created_on\nA, 2024-01-01",
        "subscriptions": "subscription_id, account_id, plan, started_on, mrr\ns, A, p, 2024-01-01, 1",
        "usage": "account_id, day, feature, events\nA, 2024-02-01, report, 1",
    }
    leaks = find_leaks(open_tables(tables))
    assert leaks.found == []
    assert leaks.judged.startswith("0 accounts left and 1 stayed: too few")


def test_a_table_that_cannot_be_relied_on_is_said(open_tables: Open) -> None:
    tables = yearly(Random(2), 100)
    tables["usage"] += "\nA0,2022-12-31,report,-1" * 60
    leaks = find_leaks(open_tables(tables))
    assert isinstance(leaks, Leaks)
    assert "Table usage cannot be relied on" in leaks.judged
