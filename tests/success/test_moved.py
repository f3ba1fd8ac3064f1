"""The topics that moved health are told by a feature that reads differently on the two days."""

from __future__ import annotations

import numpy as np
import pandas as pd

from success.change import change_of
from success.moved import moved_topics
from tests.success.gauges import day_of, gauge, stored
from tests.training.renewing import rows_of
from training.own import CALENDAR

NAMES = gauge().kernel.feature_names


def points(**of: float) -> np.ndarray:
    return np.array([[of.get(name, 0.0) for name in NAMES]])


def row(**values: object) -> pd.DataFrame:
    plain = {"active_users_28d": 8.0, "tickets_open": 1.0, "core_features_share_28d": 0.5, "overdue_invoices": 0.0,
             "tenure_days": 500.0, "days_to_renewal": 170.0, "term_months": 12.0, "segment": "smb"}  # fmt: skip
    return pd.DataFrame([{**plain, "active_users_before": 9.0, **values}])


def test_the_largest_come_first_with_what_they_read_on_both_days() -> None:
    before, after = row(), row(active_users_28d=2.0, tickets_open=0.0, overdue_invoices=3.0, tenure_days=530.0)
    of = points(active_users_28d=-9.0, tickets_open=2.0, overdue_invoices=-4.0, tenure_days=1.0)
    found = moved_topics(gauge().kernel, before, after, of)[0]
    assert [(told["feature"], told["points"]) for told in found] == [
        ("active_users_28d", -9.0),
        ("overdue_invoices", -4.0),
        ("tickets_open", 2.0),
    ]
    assert found[0] == {
        "feature": "active_users_28d",
        "dimension": "engagement",
        "sentence": "2 people used the product in the last four weeks, against 9 people in the four before",
        "sentence_before": "8 people used the product in the last four weeks, against 9 people in the four before",
        "points": -9.0,
        "actionable": True,
    }
    assert len(moved_topics(gauge().kernel, before, after, of, count=1)[0]) == 1


def test_what_reads_the_same_or_moved_by_less_than_half_a_point_is_not_told() -> None:
    before, after = row(), row(active_users_28d=7.0, core_features_share_28d=0.5001)
    of = points(active_users_28d=-0.4, core_features_share_28d=-3.0, tickets_open=8.0)
    assert moved_topics(gauge().kernel, before, after, of) == [[]]
    assert moved_topics(gauge().kernel, before, after, of * np.nan) == [[]]


def test_a_value_that_has_gone_is_told_as_missing() -> None:
    found = moved_topics(gauge().kernel, row(), row(tickets_open=None), points(tickets_open=-2.0))[0]
    assert found[0]["sentence"] == gauge().kernel.words["tickets_open"].missing
    assert found[0]["sentence_before"] != found[0]["sentence"]


def test_between_two_real_days_the_topics_are_parts_of_what_the_customer_did() -> None:
    before, after = day_of(rows_of(60, 1), 1), day_of(rows_of(60, 2), 2)
    change = change_of(gauge(), stored(gauge(), before), after, gauge().told(after.rows), explain=True)
    found = moved_topics(gauge().kernel, before.rows, after.rows, change.points, count=20)
    assert sum(map(len, found)) > 120
    for n, topics in enumerate(found):
        sizes = [abs(topic["points"]) for topic in topics]
        assert sizes == sorted(sizes, reverse=True)
        for topic in topics:
            assert topic["points"] == change.points[n, NAMES.index(topic["feature"])]
            assert topic["feature"] not in CALENDAR
            assert before.rows[topic["feature"]].iloc[n] != after.rows[topic["feature"]].iloc[n]
