"""Purchases without contracts: what can be mapped is mapped, and what cannot be learned is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from random import Random

import pytest

from features.build import build_features
from features.history import History
from features.labels import churn_labels
from features.settings import load_settings

# In the shape of CDNOW (customer, yyyymmdd, number of CDs, dollars); the mapping of docs/data.md.
TOML = """
[tables.accounts]
dates = "%Y%m%d"
sql = "SELECT customer_id AS account_id, min(date) AS created_on FROM purchases GROUP BY ALL ORDER BY ALL"

[tables.subscriptions]
dates = "%Y%m%d"
sql = '''
SELECT customer_id AS subscription_id, customer_id AS account_id, 'none' AS plan, min(date) AS started_on, 0 AS mrr
FROM purchases GROUP BY ALL ORDER BY ALL
'''

[tables.usage]
source = "purchases"
dates = "%Y%m%d"
[tables.usage.columns]
account_id = "customer_id"
day = "date"
feature = { value = "purchase" }
events = "number_of_cds"
"""


@pytest.fixture
def history(tmp_path: Path) -> History:
    rng = Random(4)
    lines = ["customer_id,date,number_of_cds,dollar_value"]
    for customer in range(1, 41):
        for _ in range(rng.randint(1, 6)):
            day = dt.date(1997, 1, 1) + dt.timedelta(days=rng.randint(0, 540))
            lines.append(f"{customer:05},{day:%Y%m%d},{rng.randint(1, 5)},{rng.randint(500, 9000) / 100}")
    (tmp_path / "purchases.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "tenure.toml").write_text(TOML)
    return History.open(tmp_path, load_settings(tmp_path / "tenure.toml"))


def test_purchases_become_use(history: History) -> None:
    assert history.report.failing == {}
    day = dt.date(1998, 1, 1)
    rows = build_features(history, [day])
    assert rows["account_id"].str.fullmatch(r"\d{5}").all()  # "00001" has kept its zeros
    bought = history.con.execute(
        "SELECT CAST(account_id AS VARCHAR) AS account_id, sum(events) AS n FROM usage "
        "WHERE day >= DATE '1998-01-01' - 28 AND day < DATE '1998-01-01' GROUP BY 1"
    ).df()
    assert rows.set_index("account_id")["events_28d"].sum() == bought["n"].sum() > 0


def test_without_ends_nobody_ever_churns(history: History) -> None:
    rows = build_features(history, [dt.date(1997, 9, 1)])[["account_id", "as_of"]]
    labels = churn_labels(history, rows, 90, dt.date(1999, 1, 1))
    assert set(labels["label"].dropna()) == {0.0}
