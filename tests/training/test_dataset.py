from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from features.catalogue import CATALOGUE
from features.errors import TenureError
from features.history import History
from features.settings import ChurnSettings, HistorySettings, Settings
from training.dataset import load_dataset

START, END = dt.date(2024, 1, 1), dt.date(2024, 9, 30)
SETTINGS = Settings(churn=ChurnSettings(horizons=(30,), grace_days=10), history=HistorySettings(recording_lag_days=5))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Twelve accounts used every week; account 0 leaves on 10 April, account 1 on 25 July."""
    folder = tmp_path_factory.mktemp("company")
    left = {0: dt.date(2024, 4, 10), 1: dt.date(2024, 7, 25)}
    accounts = ["account_id,created_on"] + [f"a{i},2023-06-01" for i in range(12)]
    subscriptions = ["subscription_id,account_id,plan,started_on,ended_on,end_reason,mrr"]
    usage = ["account_id,day,feature,events"]
    for i in range(12):
        end = left.get(i)
        subscriptions.append(f"s{i},a{i},pro,2023-06-01,{end or ''},{'voluntary' if end else ''},100")
        day = START
        while day <= END and (end is None or day < end):
            usage.append(f"a{i},{day},report,{3 + i}")
            day += dt.timedelta(days=7 if day + dt.timedelta(7) <= END or day == END else 1)
    for name, lines in (("accounts", accounts), ("subscriptions", subscriptions), ("usage", usage)):
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return History.open(folder, SETTINGS)


def labels_of(history: History, known_on: dt.date | None = None) -> dict[tuple[str, str], float]:
    data = load_dataset(history, SETTINGS, known_on)
    return {
        (account, str(day)): label for account, day, label in zip(data.accounts, data.as_of, data.labels, strict=True)
    }


def test_rows_labels_and_days_are_those_of_the_history(history: History) -> None:
    data = load_dataset(history, SETTINGS)
    assert data.gap_days == 45
    assert data.known_on == dt.date(2024, 10, 1)
    assert [str(day) for day in data.as_ofs] == [f"2024-0{m}-01" for m in range(2, 9)]  # 1 August + 45 is matured
    churned = {(a, str(d)) for a, d, y in zip(data.accounts, data.as_of, data.labels, strict=True) if y == 1}
    assert churned == {("a0", "2024-04-01"), ("a1", "2024-07-01")}
    assert data.churned_accounts == 2
    assert list(data.rows.columns) == [f.name for f in CATALOGUE if not f.csm_controlled]
    assert data.fingerprint == history.fingerprint
    assert data.catalogue_hash == CATALOGUE.hash
    for name in CATALOGUE.numbers:
        assert name not in data.rows or data.rows[name].dtype == np.float64
    april = data.on([dt.date(2024, 4, 1)])
    assert sorted(april.accounts) == sorted(f"a{i}" for i in range(12))
    assert len(april.rows) == 12


def test_an_earlier_day_knows_less_and_nothing_else(history: History) -> None:
    earlier, all_of_it = labels_of(history, dt.date(2024, 6, 20)), labels_of(history)
    assert {day for _, day in earlier} == {"2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01"}
    assert earlier.items() <= all_of_it.items()
    assert labels_of(history, dt.date(2030, 1, 1)) == all_of_it  # the observed period ends where usage does


def test_a_day_before_any_label_is_refused_with_the_numbers(history: History) -> None:
    with pytest.raises(TenureError, match="a label takes 45 days"):
        load_dataset(history, SETTINGS, dt.date(2024, 3, 1))
