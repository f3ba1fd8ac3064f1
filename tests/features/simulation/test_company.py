"""The tables keep the contract: shapes, ids, periods, and nothing after the end or from the future."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.contract import CONTRACT
from features.errors import TenureError
from features.history import History
from features.simulation import Company, simulate
from features.simulation.desk import draw_desk
from features.simulation.options import Options
from features.simulation.population import draw_population
from features.simulation.timeline import Timeline
from features.simulation.world import play

UNTIL = pd.Timestamp("2025-01-01")
LONGEST_DELAY = 21


def paid(company: Company) -> pd.DataFrame:
    subscriptions = company.tables["subscriptions"]
    return subscriptions[~subscriptions.trial]


def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        simulate(accounts=60, months=8, seed=3).write(tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert len(files) == 23
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_another_seed_is_another_company() -> None:
    one, two = simulate(60, 8, seed=3), simulate(60, 8, seed=4)
    assert not one.tables["usage"].equals(two.tables["usage"])
    assert not one.truth.p_churn_90d.equals(two.truth.p_churn_90d)


def test_the_contract_reads_every_table_without_a_finding(signal: Company, tmp_path: Path) -> None:
    signal.write(tmp_path)
    history = History.open(tmp_path)
    assert history.report.failing == {}
    assert history.report.findings == []
    assert (history.observed_from, history.observed_until) == (dt.date(2023, 1, 1), UNTIL.date())


def test_columns_and_types_are_the_contract_s(signal: Company, tmp_path: Path) -> None:
    signal.write(tmp_path)
    arrow = {"date": "date32[day]", "time": "timestamp[us, tz=UTC]", "boolean": "bool", "integer": "int64"}
    for name, rows in signal.tables.items():
        schema = pq.read_schema(tmp_path / f"{name}.parquet")
        named = [c for c in schema.names if not c.endswith("recorded_at")]
        assert named == [c.name for c in CONTRACT[name].columns], name
        for column in CONTRACT[name].columns:
            expected = arrow.get(column.kind, "string" if column.kind == "text" else "double")
            assert str(schema.field(column.name).type) == expected, (name, column.name)
            if column.required:
                assert rows[column.name].notna().all(), (name, column.name)
    truth = pq.read_schema(tmp_path / "truth" / "churn.parquet")
    assert str(truth.field("as_of").type) == "date32[day]"
    assert "standard error" in (tmp_path / "truth" / "README.md").read_text(encoding="utf-8")


def test_every_table_of_the_contract_is_there(signal: Company) -> None:
    assert set(signal.tables) == set(CONTRACT)
    assert all(len(rows) for rows in signal.tables.values())


def test_every_id_is_known_and_keys_are_unique(signal: Company) -> None:
    tables = signal.tables
    accounts = set(tables["accounts"].account_id)
    users = tables["users"].drop_duplicates("user_id").set_index("user_id").account_id
    for name, rows in tables.items():
        if "account_id" in rows:
            assert set(rows.account_id) <= accounts, name
        if "user_id" in rows and name != "users":
            named = rows.dropna(subset="user_id")
            assert (users.loc[named.user_id].to_numpy() == named.account_id.to_numpy()).all(), name
        if CONTRACT[name].key:
            key = [*CONTRACT[name].key, *(["valid_from"] if CONTRACT[name].versioned else [])]
            assert not rows.duplicated(key).any(), name
    assert set(tables["payments"].invoice_id) <= set(tables["invoices"].invoice_id)
    entitled = set(map(tuple, tables["entitlements"][["plan", "feature"]].to_numpy()))
    assert len(entitled) == 23


def test_use_happens_only_while_an_account_and_its_user_are_there(signal: Company) -> None:
    people = signal.tables["users"].drop_duplicates("user_id")[["user_id", "created_on", "deactivated_on"]]
    usage = signal.tables["usage"].merge(people, on="user_id", validate="many_to_one")
    assert (usage.day >= usage.created_on).all()
    assert (usage.deactivated_on.isna() | (usage.day < usage.deactivated_on)).all()
    subscriptions = signal.tables["subscriptions"]
    spans = usage[["account_id", "day"]].drop_duplicates().reset_index(drop=True)
    inside = spans.reset_index().merge(subscriptions[["account_id", "started_on", "ended_on"]], on="account_id")
    open_ = (inside.day >= inside.started_on) & (inside.ended_on.isna() | (inside.day < inside.ended_on))
    assert set(inside["index"][open_]) == set(spans.index)
    assert usage.day.min() == pd.Timestamp("2023-01-01")
    assert usage.day.max() == UNTIL - pd.Timedelta(days=1)


def test_users_use_only_what_their_plan_includes(signal: Company) -> None:
    usage = signal.tables["usage"][["account_id", "day", "feature"]].drop_duplicates()
    plans = signal.tables["subscriptions"][["account_id", "plan", "started_on"]].sort_values("started_on")
    usage = pd.merge_asof(usage.sort_values("day"), plans, left_on="day", right_on="started_on", by="account_id")
    known = usage.merge(signal.tables["entitlements"], on=["plan", "feature"], how="left")
    assert known.core.notna().all()


def test_nothing_comes_from_the_future(signal: Company) -> None:
    planned = {"due_on", "expires_on", "renews_on"}
    for name, rows in signal.tables.items():
        for column in rows.columns.difference(list(planned)):
            if pd.api.types.is_datetime64_any_dtype(rows[column]):
                latest = rows[column].max()
                assert pd.isna(latest) or latest.tz_localize(None) < UNTIL, (name, column)


def test_periods_follow_each_other_and_never_overlap(signal: Company) -> None:
    rows = signal.tables["subscriptions"].sort_values(["account_id", "started_on", "ended_on"])
    following = rows.groupby("account_id").started_on.shift(-1)
    has = following.notna()
    assert (rows.ended_on[has] <= following[has]).all()
    superseded = rows.end_reason == "superseded"
    assert superseded.sum() > 50
    assert (rows.ended_on[superseded] == following[superseded]).all()
    assert (rows.ended_on.isna() == rows.end_reason.isna()).all()
    assert (rows.ended_on.dropna() > rows.started_on[rows.ended_on.notna()]).all()


def test_renewals_keep_their_rhythm_through_a_change_of_terms(signal: Company) -> None:
    rows = paid(signal).sort_values(["account_id", "started_on"])
    months = rows.renews_on.dt.to_period("M").astype("int64") - rows.started_on.dt.to_period("M").astype("int64")
    assert (rows.renews_on > rows.started_on).all()
    assert (months <= rows.term_months).all()
    changed = rows.groupby("account_id").end_reason.shift().eq("superseded")
    assert (rows.renews_on.dt.day.groupby(rows.account_id).shift()[changed] == rows.renews_on.dt.day[changed]).all()
    first = rows[~rows.account_id.duplicated()]
    assert (first.renews_on.dt.day == first.started_on.dt.day).all()


def test_notice_comes_5_to_45_days_before_the_end(signal: Company) -> None:
    rows = paid(signal)
    given = rows[rows.notice_on.notna() & rows.ended_on.notna() & (rows.end_reason != "superseded")]
    lead = (given.ended_on - given.notice_on).dt.days
    assert len(given) > 20
    assert lead.between(5, 45).all()
    assert (given.end_reason == "voluntary").all()
    open_ = rows[rows.notice_on.notna() & rows.ended_on.isna()]
    assert (open_.notice_on >= UNTIL - pd.Timedelta(days=45 + LONGEST_DELAY)).all()


def test_a_notice_withdrawn_becomes_a_lower_price(signal: Company) -> None:
    rows = paid(signal)
    kept = rows[rows.notice_withdrawn_on.notna()]
    assert 2 < len(kept) < 0.3 * rows.notice_on.notna().sum()
    assert (kept.notice_withdrawn_on > kept.notice_on).all()
    known = kept[kept.ended_on.notna()]
    assert (known.ended_on == known.notice_withdrawn_on).all()
    assert (known.end_reason == "superseded").all()
    following = known.merge(
        rows, left_on=["account_id", "ended_on"], right_on=["account_id", "started_on"], suffixes=("", "_next")
    )
    assert len(following) == len(known)
    assert (following.mrr_next / following.mrr).between(0.945, 1.0).all()  # 5 % less, and a pending rise of 4 %


def test_cards_and_payments_agree(signal: Company) -> None:
    payments = signal.tables["payments"].merge(signal.tables["invoices"], on=["invoice_id", "account_id"])
    cards = signal.tables["cards"]
    assert (cards.added_on < cards.expires_on).all()
    good = payments[payments.succeeded]
    assert not good.invoice_id.duplicated().any()
    assert (good.attempted_at.dt.tz_localize(None).dt.normalize() == good.paid_on).all()
    assert good.failure_reason.isna().all()
    assert payments[~payments.succeeded].failure_reason.notna().all()
    assert set(payments[payments.paid_on.notna()].invoice_id) == set(good.invoice_id)
    expired = payments[payments.failure_reason == "expired_card"]
    last = cards[["account_id", "added_on", "expires_on"]].rename(columns={"added_on": "at"})
    found = pd.merge_asof(
        expired.assign(at=expired.attempted_at.dt.tz_localize(None)).sort_values("at"),
        last.sort_values("at"),
        on="at",
        by="account_id",
    )
    assert len(found) > 5
    assert (found.expires_on <= found["at"]).all()


def test_an_end_for_want_of_payment_follows_a_failed_one(signal: Company) -> None:
    ended = paid(signal)[lambda s: s.end_reason == "involuntary"]
    failed = signal.tables["payments"][lambda p: ~p.succeeded & (p.failure_reason != "insufficient_funds")]
    assert len(ended) > 3
    recent = 0
    for row in ended[ended.ended_on > pd.Timestamp("2023-03-01")].itertuples():
        before = row.ended_on.tz_localize("UTC") - failed[failed.account_id == row.account_id].attempted_at
        recent += before.dt.days.between(0, 45).any()
    assert recent == (ended.ended_on > pd.Timestamp("2023-03-01")).sum()


def test_ids_say_nothing_about_the_outcome() -> None:
    timeline = Timeline(dt.date(2023, 1, 1), 12)
    people = draw_population(3000, timeline, seed=5)
    world = play(people, draw_desk(people, timeline, 5, Options()), timeline, seed=5)
    lost = np.zeros(3000)
    lost[world.lives.account[np.isin(world.lives.reason, (1, 2))]] = 1
    assert lost.sum() > 300
    assert list(world.population.account_id) == sorted(world.population.account_id)
    assert abs(np.corrcoef(np.arange(3000), lost)[0, 1]) < 3.5 / np.sqrt(3000)


def test_a_month_of_history_is_enough() -> None:
    company = simulate(accounts=5, months=1, seed=0)
    assert company.truth.churned_90d.isna().all()
    assert (company.tables["usage"].day < pd.Timestamp("2023-02-01")).all()


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"accounts": 0}, "between 1 and 1000000 accounts"),
        ({"months": 0}, "between 1 and 240 months"),
        ({"seed": -1}, "must not be negative"),
        ({"start": dt.date(2023, 1, 31)}, "no later than the 28th"),
        ({"months": 12, "price_rise": (13, 2.0)}, "cannot rise in month 13 of 12"),
        ({"price_rise": (3, 0.0)}, "factor of 0.1 to 10"),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(wrong: dict, text: str) -> None:
    with pytest.raises(TenureError, match=text):
        simulate(**wrong)
