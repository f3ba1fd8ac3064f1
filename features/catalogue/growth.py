"""Growth: whether what the account buys, and who uses it, grows or shrinks."""

from dataclasses import replace

from features.algebra import Change, Count, Distinct, LimitShare, Minus, State, Window
from features.catalogue.words import EVER, used
from features.feature import Feature

__all__ = ["GROWTH"]

LEFT = Window("users", at="deactivated_on")

GROWTH = (
    Feature(
        name="mrr_change_180d",
        dimension="growth",
        measure=Change(State("mrr"), State("mrr_before")),
        unit="share",
        show="change",
        sentence="What the account pays a month {value} in 180 days",
        missing="What the account pays cannot be compared with 180 days ago",
        topic="mrr_change",
        good="high",
        low=None,
    ),
    Feature(
        name="seats_change_180d",
        dimension="growth",
        measure=Change(State("seats"), State("seats_before")),
        unit="share",
        show="change",
        sentence="The number of seats {value} in 180 days and stands at {seats}",
        missing="The number of seats cannot be compared with 180 days ago",
        good="high",
        low=-1,
    ),
    Feature(
        name="upgrades_365d",
        dimension="growth",
        measure=State("upgrades_365d"),
        unit="upgrades",
        show="count|rise in MRR|rises in MRR",
        sentence="The account had {value} in the last year",
        missing="Changes of what the account pays are not known",
        topic="changes_of_terms",
        good="high",
    ),
    Feature(
        name="downgrades_365d",
        dimension="growth",
        measure=State("downgrades_365d"),
        unit="downgrades",
        show="count|fall in MRR|falls in MRR",
        sentence="The account had {value} in the last year",
        missing="Changes of what the account pays are not known",
        topic="changes_of_terms",
        good="low",
    ),
    Feature(
        name="limit_used_share_30d",
        dimension="growth",
        measure=LimitShare(used(30)),
        unit="share of a monthly limit",
        show="percent",
        sentence="In the last 30 days the account used {value} of the monthly limit that it comes closest to",
        missing="No monthly limit of the plan is on record",
        actionable=True,
    ),
    Feature(
        name="new_users_90d",
        dimension="growth",
        measure=Count(Window("users", days=90)),
        unit="users",
        show="count|new user",
        sentence="The account added {value} in the last 90 days",
        missing="No users are on record",
        topic="new_users",
        good="high",
        actionable=True,
    ),
    Feature(
        name="users_change_90d",
        dimension="growth",
        # Registered until a day, less those who had left by then.
        measure=Change(
            Minus(Count(Window("users")), Count(LEFT)),
            Minus(Count(Window("users", until=90)), Count(replace(LEFT, until=90))),
        ),
        unit="share",
        show="change",
        sentence="The number of registered users {value} in the last 90 days",
        missing="The number of registered users cannot be compared with 90 days ago",
        topic="new_users",
        good="high",
        low=-1,
        actionable=True,
    ),
    Feature(
        name="new_departments_180d",
        dimension="growth",
        measure=Minus(Distinct(Window("users"), "department"), Distinct(Window("users", until=180), "department")),
        unit="departments",
        show="count|more department",
        sentence="The account's users come from {value} than 180 days ago",
        missing="The departments of users are not on record",
        good="high",
        actionable=True,
    ),
    Feature(
        name="new_features_90d",
        dimension="growth",
        measure=Minus(Distinct(EVER, "feature"), Distinct(used(until=90), "feature")),
        unit="features",
        show="count|product feature",
        sentence="People there took up {value} for the first time in the last 90 days",
        missing="No usage data is on record",
        good="high",
        actionable=True,
    ),
)
