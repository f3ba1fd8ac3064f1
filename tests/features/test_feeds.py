"""A feature is said to be measured on a table exactly where taking the table away changes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import pandas as pd
import pytest

from features import algebra as a
from features.build import build_features
from features.catalogue import CATALOGUE
from features.catalogue.words import SPONSOR, used
from features.contract import CONTRACT
from features.feature import Feature
from features.feeds import fed_by, plan_dependent, tables_of
from features.history import History
from features.settings import HistorySettings, Settings

AS_OF = dt.date(2024, 5, 31)
OPTIONAL = ("users", "entitlements", "milestones", "tickets", "invoices", "payments", "cards", "surveys", "touches")
LENIENT = Settings(history=HistorySettings(max_failing_share=1.0))


@pytest.fixture(scope="module")
def changed_without(company: ModuleType, fresh_folder: Callable[[], Path]) -> dict[str, set[str]]:
    """By table, the features of which any value is another where the history has it not (of usage: a row of it)."""
    tables = company.make(Random(11), AS_OF, accounts=60)

    def opened(of: dict[str, list[dict[str, object]]]) -> History:
        return History.open(company.write(of, fresh_folder()), LENIENT)

    def rows(history: History) -> pd.DataFrame:
        return build_features(history, [AS_OF]).set_index("account_id")

    history, lost = opened(tables), {}
    whole = rows(history)
    for name in OPTIONAL:
        source, columns = history.sources.pop(name), history.columns.pop(name)
        lost[name] = rows(history)
        history.sources[name], history.columns[name] = source, columns
    days = sorted((row for row in tables["usage"] if str(row["day"]).startswith("2")), key=lambda row: str(row["day"]))
    lost["usage"] = rows(opened({**tables, "usage": days[:1]}))
    for without in lost.values():
        assert list(without.index) == list(whole.index)
    return {table: {f for f in CATALOGUE.names if not whole[f].equals(lost[table][f])} for table in lost}


def test_no_feature_changes_that_a_lost_table_does_not_feed(changed_without: dict[str, set[str]]) -> None:
    for name, found in changed_without.items():
        assert found <= fed_by({name}), f"{name} does not feed {sorted(found - fed_by({name}))}, yet they change"


def test_nearly_every_feature_that_a_lost_table_feeds_changes(changed_without: dict[str, set[str]]) -> None:
    """A small company cannot show each of them, but a table that is named for no reason would stand out."""
    for name, found in changed_without.items():
        named = fed_by({name})
        assert len(named - found) <= 0.2 * len(named), f"{name} feeds {sorted(named - found)}, yet they do not change"


def test_every_feature_is_fed_by_a_table_of_the_contract() -> None:
    for feature in CATALOGUE:
        assert tables_of(feature), feature.name
        assert tables_of(feature) <= set(CONTRACT), feature.name


@pytest.mark.parametrize(
    ("measure", "tables"),
    [
        (a.State("employees"), "accounts"),
        (a.State("strategic"), "accounts"),
        (a.Minus(a.State("as_of"), a.State("subscribed_on")), "subscriptions"),
        (a.DaysUntil(a.State("renews_on")), "subscriptions"),
        (a.Included(), "entitlements subscriptions"),
        (a.Count(a.Window("tickets")), "tickets"),
        (a.Count(a.Window("tickets", days=90, whole=True)), "subscriptions tickets"),
        (a.Minus(a.Count(a.Window("tickets")), a.Mean(a.Window("surveys"), "score")), "surveys tickets"),
        (a.Count(used(28, where=(SPONSOR,))), "usage users"),
        (a.Distinct(used(28, where=(a.Condition("feature", "core"),)), "feature"), "entitlements subscriptions usage"),
        (a.LimitShare(used(30)), "entitlements subscriptions usage"),
    ],
)
def test_a_table_is_found_wherever_a_measure_names_it(measure: a.Expression, tables: str) -> None:
    feature = Feature(
        name="f", dimension="growth", measure=measure, unit="", show="number", sentence="{value}", missing="No"
    )
    assert tables_of(feature) == set(tables.split())


def test_features_that_only_a_plan_can_lack_are_those_of_limits_and_entitlements() -> None:
    assert plan_dependent() == {"entitled_features_share_28d", "core_features_share_28d", "limit_used_share_30d"}
    assert plan_dependent() == fed_by({"entitlements"})
