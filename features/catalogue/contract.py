"""Contract: what the account bought, for how long, and how long it has been there."""

from features.algebra import DaysUntil, Minus, Ratio, State
from features.feature import Feature

__all__ = ["CONTRACT_FEATURES"]


def _attribute(name: str, label: str, sentence: str) -> Feature:
    return Feature(
        name=name,
        dimension="contract",
        measure=State(name),
        unit="name",
        show="text",
        sentence=sentence,
        missing=f"The {label} is not known",
        low=None,
        kind="category",
    )


CONTRACT_FEATURES = (
    Feature(
        name="tenure_days",
        dimension="contract",
        measure=Minus(State("as_of"), State("subscribed_on")),
        unit="days",
        show="age",
        sentence="The account has been a customer for {value}",
        missing="The start of the first subscription is not known",
    ),
    Feature(
        name="days_to_renewal",
        dimension="contract",
        measure=DaysUntil(State("renews_on")),
        unit="days",
        show="days",
        sentence="The next renewal is {value} away",
        missing="The renewal date is not known",
    ),
    Feature(
        name="term_months",
        dimension="contract",
        measure=State("term_months"),
        unit="months",
        show="count|month",
        sentence="The subscription runs for {value} at a time",
        missing="The term of the subscription is not known",
        low=1,
    ),
    Feature(
        name="seats",
        dimension="contract",
        measure=State("seats"),
        unit="seats",
        show="count|seat",
        sentence="The account pays for {value}",
        missing="The number of seats is not known",
    ),
    Feature(
        name="mrr",
        dimension="contract",
        measure=State("mrr"),
        unit="money a month",
        show="money",
        sentence="The account pays {value} a month",
        missing="What the account pays is not known",
        topic="price",
        low=None,
    ),
    Feature(
        name="mrr_per_seat",
        dimension="contract",
        measure=Ratio(State("mrr"), State("seats")),
        unit="money a month and seat",
        show="money",
        sentence="The account pays {value} a month for each seat",
        missing="The price of a seat is not known",
        topic="price",
        low=None,
    ),
    _attribute("plan", "plan", "The account is on the plan {value}"),
    _attribute("segment", "segment", "The account is in the segment {value}"),
    _attribute("industry", "industry", "The account is in the industry {value}"),
    _attribute("region", "region", "The account is in the region {value}"),
)
