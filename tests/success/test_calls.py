"""Who to call first: money at risk beyond the usual, scored accounts only."""

import pandas as pd

from success.calls import accounts_to_call, lowest_health


def scores(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["account_id", "status", "mrr", "churn_90d"])
    table["typical_90d"] = 0.05
    return table


def test_order_is_by_revenue_at_risk_beyond_the_typical() -> None:
    table = scores(("large, usual", "ok", 9000, 0.05), ("small, risky", "ok", 100, 0.9), ("middling", "ok", 1000, 0.2))
    assert accounts_to_call(table, 90)["account_id"].tolist() == ["middling", "small, risky"]


def test_accounts_without_a_score_or_revenue_are_left_out() -> None:
    table = scores(("gone", "churned", 1000, float("nan")), ("free", "ok", 0, 0.9), ("old", "stale", 10, 0.9))
    assert accounts_to_call(table, 90)["account_id"].tolist() == ["old"]


def test_the_list_is_cut() -> None:
    table = scores(*((f"a{n}", "ok", 100.0, 0.1 + n / 100) for n in range(9)))
    assert accounts_to_call(table, 90, count=3)["account_id"].tolist() == ["a8", "a7", "a6"]


def test_the_lowest_health_comes_first_and_of_equals_the_larger() -> None:
    rows = [("well", 80, 10.0), ("ill", 10, 5.0), ("ill, large", 10, 9.0), ("unknown", None, 9.0), ("free", 1, 0.0)]
    table = pd.DataFrame(rows, columns=["account_id", "health", "mrr"])
    assert lowest_health(table)["account_id"].tolist() == ["ill, large", "ill", "well"]
    assert lowest_health(table, count=1)["account_id"].tolist() == ["ill, large"]
