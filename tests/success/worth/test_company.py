"""The CSM report on the made-up company: everything adds up, and who held what agrees with a count day by day."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.history import History
from features.ledger import ledger_of
from success.baselines import Expectation
from success.periods import Period
from success.worth import RoiReport, gather, roi_report
from success.worth.holdings import shares_of, spans_of
from tests.success.expectations import make_expectation
from tests.success.worth.companies import company, subscription

PERIOD = Period.parse("2024Q3")
AS_OF = dt.date(2025, 1, 1)
SHARED = {"level_sd": 0.1, "shock_sd": 0.15, "growth_sd": 0.01}


def _owners(folder: Path, day: dt.date) -> pd.Series:
    """Who held each account on a day."""
    rows = pd.read_parquet(folder / "assignments.parquet")
    rows = rows[(rows["from_on"] <= day) & (rows["to_on"].isna() | (rows["to_on"].fillna(dt.date.max) > day))]
    return rows.sort_values("from_on").drop_duplicates("account_id", keep="last").set_index("account_id")["csm_id"]


@pytest.fixture(scope="module")
def made(history: History, company: Path) -> RoiReport:
    eve = PERIOD.start - dt.timedelta(days=1)
    ledger = ledger_of(history, AS_OF)
    mrr = ledger.mrr_on(eve)
    mrr = mrr[mrr > 0]
    csm = _owners(company, eve).reindex(mrr.index).fillna("")
    frozen = make_expectation(len(mrr), account_id=list(mrr.index), csm_id=list(csm), mrr=mrr.to_numpy(),
                              monthly_churn=0.012, growth=0.004, base=PERIOD.start, **SHARED)  # fmt: skip
    rows = pd.read_parquet(company / "assignments.parquet")
    rows = rows[(rows["from_on"] < PERIOD.until)].drop_duplicates(["account_id", "csm_id", "from_on"])
    taken = make_expectation(len(rows), 1, account_id=list(rows["account_id"]), csm_id=list(rows["csm_id"]),
                             mrr=np.full(len(rows), 800.0), kind="assignment", **SHARED)  # fmt: skip
    days = {"period": rows["from_on"].astype(str).to_numpy(),
            "as_of": pd.Series([day.replace(day=1) for day in rows["from_on"]], dtype=object)}  # fmt: skip
    taken = Expectation(taken.rows.assign(**days), taken.months, taken.shared)
    # Half of the accounts were frozen twice: for their holder's book, and for a model that has seen it.
    return roi_report(gather(history, PERIOD, AS_OF, frozen.joined(_other(frozen)), taken, ledger))


def _other(frozen: Expectation) -> Expectation:
    half = frozen.take(np.arange(len(frozen)) % 2 == 0)
    return replace(half, rows=half.rows.assign(csm_id="-"))


def test_books_add_up_to_the_company(made: RoiReport) -> None:
    books = [person.book for person in made.people] + ([made.nobody] if made.nobody else [])
    assert len(books) > 8
    for name, total in vars(made.company).items():
        if name in ("expected_over_realised", "remainder_sd"):
            continue
        found = [getattr(book, name) for book in books if getattr(book, name) is not None]
        amount = sum(getattr(one, "value", one) for one in found)
        assert amount == pytest.approx(getattr(total, "value", total), rel=1e-9, abs=1e-5), name


def test_each_book_adds_up_and_the_remainders_of_csms_to_nothing(made: RoiReport) -> None:
    for person in made.people:
        book = person.book
        if book.accounts == 0:
            continue
        close = {"rel": 1e-9, "abs": 1e-6}
        assert book.impact_exit.value == pytest.approx(book.saves_worth.value + book.expansion.value, **close)
        assert book.impact_exit.value == pytest.approx(book.shift_exit + book.remainder_exit.value, **close)
        assert book.impact_exit.value == pytest.approx(12 * (book.realised_exit_mrr - book.expected_exit_mrr), **close)
        assert book.impact_revenue.value == pytest.approx(book.shift_revenue + book.remainder_revenue.value, **close)
        assert book.impact_revenue.value == pytest.approx(book.realised_revenue - book.expected_revenue, **close)
        for figure in (book.impact_exit, book.remainder_exit, book.saves, book.expansion, book.impact_revenue):
            assert figure.low <= figure.value <= figure.high
    for name in ("remainder_exit", "remainder_revenue"):
        of_csms = [getattr(person.book, name).value for person in made.people if person.book.accounts]
        assert sum(of_csms) == pytest.approx(0, abs=1e-5 * sum(map(abs, of_csms)))


def test_what_came_in_agrees_with_the_subscriptions_themselves(made: RoiReport, company: Path) -> None:
    """Day by day from the table, with what was recorded by then, for the accounts that count."""
    subs = pd.read_parquet(company / "subscriptions.parquet")
    known = subs["recorded_at"].dt.tz_localize(None) < pd.Timestamp(AS_OF)
    subs = subs[known & ~subs["trial"]]
    subs["ended_on"] = subs["ended_on"].where(subs["ended_on_recorded_at"].dt.tz_localize(None) < pd.Timestamp(AS_OF))
    total, last = 0.0, 0.0
    counted = set(made.inputs.rows["account_id"])
    back = set(made.inputs.won_back["account_id"])
    subs = subs[subs["account_id"].isin(counted - back)]
    ends = pd.to_datetime(subs["ended_on"]).astype("datetime64[us]").fillna(pd.Timestamp(2100, 1, 1))
    for day in pd.date_range(PERIOD.start, PERIOD.until, inclusive="left"):
        paid = subs[(pd.to_datetime(subs["started_on"]) <= day) & (ends > day)]
        last = float(paid["mrr"].sum())
        total += last / day.days_in_month
    rows = made.inputs.rows[~made.inputs.rows["account_id"].isin(back)]
    assert (rows["share"] * rows["realised_revenue"]).sum() == pytest.approx(total, rel=1e-9)
    assert (rows["share"] * rows["realised_exit"]).sum() == pytest.approx(last, rel=1e-9)


def test_the_forecast_made_for_the_holders_book_is_taken(made: RoiReport) -> None:
    rows = made.inputs.rows
    alone = rows[rows["share"] == 1]
    assert alone["borrowed"].mean() < 0.02
    assert set(rows["csm_id"]) > {""} or "" not in set(rows["csm_id"])
    assert "-" not in set(rows["csm_id"])


def test_assignments_are_measured_to_their_end(made: RoiReport) -> None:
    taken = made.inputs.taken
    assert set(taken["outcome"]) == {"held", "left", "handed_over"}
    assert (taken.loc[taken["outcome"] == "left", "realised"] == 0).all()
    assert (taken.loc[taken["outcome"] != "handed_over", "until_on"] == pd.Timestamp(PERIOD.until)).all()
    assert (taken["until_on"] <= pd.Timestamp(PERIOD.until)).all()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> History:
    row = {"account_id": "x", "csm_id": "a", "from_on": "2020-01-01", "to_on": "2020-02-01"}
    folder = tmp_path_factory.mktemp("held")
    return company(folder, subscriptions=[subscription("x", 1, "2020-01-01")], assignments=[row])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("xy"), st.sampled_from("abc"), st.integers(0, 99), st.integers(1, 60)), max_size=7
    ),
    st.dictionaries(st.sampled_from("xy"), st.integers(0, 99), max_size=2),
)
def test_who_held_what_agrees_with_a_count_day_by_day(base: History, rows: list, gone: dict) -> None:
    first, start, until = dt.date(2025, 1, 1), dt.date(2025, 2, 1), dt.date(2025, 3, 1)
    held = [(a, c, first + dt.timedelta(begin), first + dt.timedelta(begin + days)) for a, c, begin, days in rows]
    frame = pd.DataFrame(held, columns=["account_id", "csm_id", "from_on", "to_on"], dtype=object)
    view = _Fixed(base, frame)
    left = {a: first + dt.timedelta(day) for a, day in gone.items()}
    accounts = pd.DataFrame({"account_id": ["x", "y"], "left_on": pd.to_datetime([left.get(a) for a in "xy"])})
    shares = shares_of(
        accounts.astype({"left_on": "datetime64[us]"}), spans_of(view, start, until, dt.date(2026, 1, 1))
    )
    for account in "xy":
        days: dict[str, int] = {}
        whole: dict[str, int] = {}
        for n in range((until - start).days):
            day = start + dt.timedelta(n)
            on = [(f, -ord(c)) for a, c, f, t in held if a == account and f <= day < t]
            if on:
                csm = chr(-max(on)[1])
                whole[csm] = whole.get(csm, 0) + 1
                if day < left.get(account, dt.date.max):
                    days[csm] = days.get(csm, 0) + 1
        expected = days or whole or {"": 1}
        found = shares[shares["account_id"] == account].set_index("csm_id")["share"].to_dict()
        assert found == pytest.approx({csm: n / sum(expected.values()) for csm, n in expected.items()})


class _Fixed:
    """A history with other assignments."""

    def __init__(self, base: History, frame: pd.DataFrame) -> None:
        self.con, self.tables = base.con, base.tables
        base.con.register("_held", frame)

    def visible(self, table: str, as_of: dt.date) -> str:
        return (
            "(SELECT CAST(account_id AS VARCHAR) AS account_id, CAST(csm_id AS VARCHAR) AS csm_id, "
            "CAST(from_on AS DATE) AS from_on, CAST(to_on AS DATE) AS to_on FROM _held)"
        )
