"""The CSM report on small companies that were made for one question each."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.errors import TenureError
from features.money import RevenueSettings
from success.baselines import Expectation
from success.periods import Period
from success.worth import gather, roi_report
from tests.success.worth.companies import AS_OF, Q3, assigned, by_month, company, expected, report, subscription


def _leaving_at(base: Expectation, months: list[list[float]]) -> Expectation:
    """The same with probabilities of having left by the end of each month, and the rest in step with them."""
    churn = np.array(months)
    kept = base.months.kept_exit
    revenue = np.cumsum(kept * (1 - churn), axis=1)
    return replace(base, months=base.months._replace(churn=churn, revenue=revenue))


def test_a_save_in_the_last_week_is_worth_as_much_as_one_in_the_first(tmp_path: Path) -> None:
    """Two accounts under notice, one to the 8th of July and one to the 25th of September; both are talked round."""
    history = company(
        tmp_path,
        subscriptions=[
            subscription("early", 1000, "2024-01-01", notice_on="2025-06-01", notice_withdrawn_on="2025-07-03"),
            subscription("late", 1000, "2024-01-01", notice_on="2025-06-01", notice_withdrawn_on="2025-09-24"),
        ],
        assignments=[assigned("early", "a"), assigned("late", "b")],
    )
    frozen = expected([("early", "a", 1000, 0.1), ("late", "b", 1000, 0.1)])
    found = report(history, _leaving_at(frozen, [[0.88] * 12, [0.0, 0.0, *[0.88] * 10]]))
    first, last = found["by"]["a"], found["by"]["b"]
    assert first["impact_exit"]["value"] == last["impact_exit"]["value"] == pytest.approx(12 * 880)
    assert first["impact_revenue"]["value"] == pytest.approx(3 * 880)
    assert last["impact_revenue"]["value"] == pytest.approx(880)
    assert [one["withdrawn_on"] for csm in "ab" for one in found["by"][csm]["notices_withdrawn"]] == [
        "2025-07-03",
        "2025-09-24",
    ]


def test_a_veterans_past_care_shows_since_the_accounts_were_taken(tmp_path: Path) -> None:
    """Twenty accounts in trouble when they were taken two years ago, all of them well today; and a colleague's."""
    names = [f"{csm}{n:02d}" for csm in ("v", "m") for n in range(20)]
    lost = {f"m{n:02d}": f"2024-{1 + n:02d}-15" for n in range(9)} | {"m19": "2025-08-15"}
    history = company(
        tmp_path,
        subscriptions=[subscription(name, 500, "2023-01-01", lost.get(name, "")) for name in names],
        assignments=[assigned(name, name[0], "2023-07-01", lost.get(name, "")) for name in names],
    )
    now = [(name, name[0], 500.0, 0.005) for name in names if lost.get(name, "9") > "2025-07"]
    # The same accounts, as a model sees them that knows the veteran's book: it expects even less of a loss.
    seen = [(name, "", 500.0, 0.0001) for name, *_ in now]
    taken = expected([(name, name[0], 500.0, 0.03) for name in names], taken=["2023-07-01"] * 40)
    found = report(history, expected(seen + now), taken)
    veteran, colleague = found["by"]["v"], found["by"]["m"]
    expected_loss = 12 * 20 * 500 * (1 - 0.995**3)
    assert veteran["impact_exit"]["value"] == pytest.approx(expected_loss, abs=0.01)  # a little, not a raised bar
    assert veteran["verdict"] == "too small to tell"
    assert veteran["since"]["impact_exit"]["value"] == pytest.approx(12 * 20 * 500 * (1 - 0.97**27), rel=1e-6)
    assert veteran["since"]["impact_exit"]["low"] > 10 * veteran["impact_exit"]["value"]
    # The colleague lost ten of twenty: those of last year are in the figure, not only who is still there.
    assert colleague["since"]["left"] == 10
    assert colleague["since"]["low" if "low" in colleague["since"] else "impact_exit"]["low"] < 0
    assert colleague["since"]["impact_exit"]["high"] > 0


def test_an_account_that_changed_hands_counts_by_days_and_is_nobodys_for_none_of_them(tmp_path: Path) -> None:
    history = company(
        tmp_path,
        subscriptions=[subscription(name, 600, "2024-01-01") for name in ("x", "y")],
        assignments=[assigned("x", "a", "2024-01-01", "2025-07-31"), assigned("x", "b", "2025-08-31"),
                     assigned("y", "b")],
    )  # fmt: skip
    found = report(history, expected([("x", "a", 600, 0.1), ("y", "b", 600, 0.1)]))
    a, b = found["by"]["a"], found["by"]["b"]
    assert (a["accounts"], b["accounts"]) == (pytest.approx(30 / 61, abs=1e-4), pytest.approx(1 + 31 / 61, abs=1e-4))
    assert found["nobody"] is None
    assert [(row["account_id"], row["days"], row["until_on"]) for row in a["changed_hands"]] == [
        ("x", 30, "2025-07-31")
    ]
    assert found["company"]["realised_revenue"] == 3600
    assert a["realised_revenue"] + b["realised_revenue"] == pytest.approx(3600, abs=0.01)
    assert any("somebody else's book" in sentence for sentence in b["sentences"])


def test_who_took_over_an_account_answers_for_it_from_that_day_on(tmp_path: Path) -> None:
    """It fell from 1,000 to 400 under a, and rose to 900 under b."""
    ended = {"end_reason": "superseded"}
    history = company(
        tmp_path,
        subscriptions=[
            subscription("x", 1000, "2024-01-01", "2025-02-01", **ended),
            subscription("x", 400, "2025-02-01", "2025-06-01", **ended),
            subscription("x", 900, "2025-06-01"),
        ],
        assignments=[assigned("x", "a", "2025-01-01"), assigned("x", "b", "2025-05-01")],
    )  # fmt: skip
    taken = expected([("x", "a", 1000, 0.0), ("x", "b", 400, 0.0)], taken=["2025-01-01", "2025-05-01"])
    by = report(history, expected([("x", "b", 900, 0.0)]), taken)["by"]
    assert by["b"]["since"]["impact_exit"]["value"] == 12 * 500
    assert (by["b"]["since"]["held"], by["b"]["since"]["from"]) == (1, "2025-05-01")
    assert "a" not in by  # who holds nothing in the period and costs nothing is not in its report


def test_what_counts_on_neither_side_and_what_is_told_beside_it(tmp_path: Path) -> None:
    history = company(
        tmp_path,
        subscriptions=[
            subscription("stays", 100, "2024-01-01"),
            subscription("two", 60, "2024-01-01"), subscription("two", 40, "2024-02-01"),
            subscription("free", 0, "2024-01-01"),
            subscription("new", 500, "2025-08-01"),
            subscription("done", 300, "2024-01-01", "2025-08-01", end_reason="completed"),
            subscription("back", 200, "2024-01-01", "2025-07-11"), subscription("back", 250, "2025-09-01"),
            subscription("first", 70, "2024-01-01", "2025-07-01"),
            subscription("grace", 90, "2024-01-01", "2025-06-20"),
            subscription("alone", 80, "2024-01-01"),
        ],
        assignments=[assigned(name, "a") for name in ("stays", "two", "free", "new", "done", "back")]
        + [assigned("first", "a", "2024-01-01", "2025-07-01"), assigned("grace", "a", "2024-01-01", "2025-06-20"),
           assigned("stays", "c", "2020-01-01", "2021-01-01")],
    )  # fmt: skip
    mrr = {"stays": 100, "two": 100, "free": 0, "done": 300, "back": 200, "first": 70, "grace": 90}
    frozen = expected([*((name, "a", float(x), 0.01) for name, x in mrr.items()), ("alone", "", 80.0, 0.01)])
    taken = expected([("back", "a", 200.0, 0.0)], taken=["2024-01-01"])
    found = report(history, frozen, taken)
    a = found["by"]["a"]
    assert (a["since"]["left"], a["since"]["impact_exit"]["value"]) == (1, -2400)  # who comes back has left
    assert a["accounts"] == 5  # stays, two, back, first and grace
    assert a["realised_exit_mrr"] == 200
    assert a["realised_revenue"] == pytest.approx(300 + 300 + 200 * 10 / 31, abs=0.01)
    assert (a["churns"], a["left_out"]) == (3, 3)
    assert [(row["account_id"], row["mrr"], row["inside"]) for row in a["won_back"]] == [("back", 250, True)]
    assert (
        "1 was no customer at the start, 1 ended without a churn (completed or merged) and 1 paid" in a["sentences"][-1]
    )
    assert found["nobody"]["accounts"] == 1
    sentences = {row["account_id"]: row["sentence"] for row in a["explained"]}
    assert sentences["back"].endswith("it left on 11 July 2025, and its return counts on a list of its own.")
    assert sentences["two"] == (
        "Expected to pay 97.03 a month: 100 if it stayed, with 3 % odds of leaving; it stayed and pays 100."
    )
    # With one CSM alone nothing can be told apart, and the accounts of nobody do not stand in for colleagues.
    assert a["remainder_exit"]["value"] is None
    assert a["verdict"] == "too small to tell"
    assert found["shift"]["loss"] is None
    assert "Only one CSM" in found["shift"]["sentence"]


def _with_costs(folder: Path, costs: list[dict], margin: float | None = 0.8):
    accounts = [f"{csm}{n:02d}" for csm in "ab" for n in range(12)]
    return company(
        folder,
        revenue=RevenueSettings(gross_margin=margin),
        subscriptions=[subscription(name, 100, "2024-01-01") for name in accounts],
        assignments=[assigned(name, name[0]) for name in accounts],
        **({"costs": costs} if costs else {}),
    ), expected([(name, name[0], 100.0, 0.1) for name in accounts])


def test_what_comes_back_for_what_a_csm_costs(tmp_path: Path) -> None:
    costs = [*by_month("2024-10", 14, 500, csm_id="a"), *by_month("2024-10", 14, 100, csm_id="idle")]
    found = report(*_with_costs(tmp_path, costs))
    a, b, idle = (found["by"][name] for name in ("a", "b", "idle"))
    gain = 12 * 12 * 100 * (1 - 0.9**3)
    assert a["cost"]["value"] == 1500
    assert a["roi"]["value"] == pytest.approx(gain * 0.8 / 1500, rel=1e-6)
    assert a["roi"]["low"] <= a["roi"]["value"] <= a["roi"]["high"]
    assert (b["roi"]["value"], b["roi"]["note"]) == (None, "Not defined: no cost of b is booked in 2025Q3.")
    assert idle["roi"]["note"] == "Not defined: there is no book in this period."
    assert (idle["accounts"], idle["verdict"]) == (0, "too small to tell")
    assert idle["sentences"] == ["There is no account in this book in 2025Q3 of which anything was expected."]
    assert json.loads(json.dumps(found)) == found


def test_costs_that_are_missing_and_a_period_that_is_not_over(tmp_path: Path) -> None:
    gap = [*by_month("2025-07", 1, 500, csm_id="a"), *by_month("2025-09", 1, 500, csm_id="a")]
    history, frozen = _with_costs(tmp_path / "gap", gap)
    missing = report(history, frozen)["by"]["a"]
    assert (missing["roi"]["value"], missing["cost"]["value"]) == (None, None)
    assert "2025-08" in missing["roi"]["note"]
    partial = report(history, frozen, as_of=dt.date(2025, 8, 16))
    assert (partial["partial_until"], partial["by"]["a"]["roi"]["value"]) == ("2025-08-16", None)
    assert "up to and with 15 August 2025" in " ".join(partial["notes"])
    assert partial["company"]["realised_revenue"] == pytest.approx(2400 * (1 + 15 / 31), abs=0.01)
    assert partial["company"]["expected_exit_mrr"] == pytest.approx(2400 * 0.9 ** (1 + 15 / 31), rel=1e-6)
    free, frozen = _with_costs(tmp_path / "none", [], margin=None)
    assert report(free, frozen)["by"]["a"]["roi"]["note"] == "Not defined: there is no table of costs."
    with pytest.raises(TenureError, match="nothing of it is known"):
        gather(history, Q3, Q3.start, frozen, Expectation.empty())


def test_without_assignments_all_there_is_is_nobodys(tmp_path: Path) -> None:
    history = company(tmp_path, subscriptions=[subscription("x", 100, "2024-01-01")])
    found = report(history, expected([("x", "", 100.0, 0.1)]))
    assert (found["csms"], found["ranking"]["rows"]) == ([], [])
    assert found["nobody"] == found["company"]
    assert found["shift"]["exit"] == found["company"]["impact_exit"]["value"]
    empty = report(history, Expectation.empty(), period=Period.parse("2025Q2"))
    assert (empty["company"]["accounts"], empty["nobody"]) == (0, None)


def test_an_end_inside_the_grace_is_open(tmp_path: Path) -> None:
    history = company(tmp_path, subscriptions=[subscription("x", 100, "2024-01-01", "2025-09-20")])
    told = [
        report(history, expected([("x", "", 100.0, 0.1)]), as_of=day)["notes"] for day in (dt.date(2025, 10, 1), AS_OF)
    ]
    assert ["a return within 30 days" in " ".join(notes) for notes in told] == [True, False]


def test_every_figure_of_the_flat_table_says_how_it_is_made(tmp_path: Path) -> None:
    history, frozen = _with_costs(tmp_path, by_month("2024-10", 14, 500, csm_id="a"))
    made = roi_report(gather(history, Q3, AS_OF, frozen, Expectation.empty()))
    rows, told = made.rows(), made.to_json()
    assert {row["group"] for row in rows} == {"company", "a", "b"}
    assert all(row["formula"] and row["unit"] for row in rows)
    book = {name for name, value in told["company"].items() if value is not None}
    assert book - {row["metric"] for row in rows if row["group"] == "company"} == set()
    assert book | {"roi", "shrunken", "since_impact_exit"} == set(told["definitions"])
