from typing import Any

import pytest

from features.catalogue import CATALOGUE
from success.peers import with_health
from training.anchors import Cell
from training.words import words_of

WORDS = words_of(CATALOGUE, CATALOGUE.names)
CELL = Cell("mid", "adoption", 300, {}, 0.0, {"active_users_28d": 27.0, "failed_payments_90d": 0.0, "tickets_90d": 2.0})


def driver(*names: str) -> dict[str, Any]:
    return {"feature": names[0], "sentence": "So it is", "points": 0.1, "features": list(names)}


def test_a_topic_has_the_points_of_its_features_and_the_median_of_those_that_renewed() -> None:
    points = {"active_users_28d": -2.0, "active_users_7d": -1.5, "tickets_90d": 0.25}
    told = with_health(
        [driver("active_users_28d", "active_users_7d"), driver("tickets_90d")], points, (), CELL, WORDS
    )  # fmt: skip
    assert [one["health_points"] for one in told] == [-3.5, 0.25]
    assert told[0]["peer"] == {"value": 27.0, "text": "27 people", "of": "renewed accounts of mid, adoption"}
    assert told[0]["points"] == 0.1


def test_what_the_calendar_or_a_missing_table_says_has_no_points_of_health() -> None:
    told = with_health(
        [driver("days_to_renewal"), driver("term_months"), driver("tickets_90d")],
        {"days_to_renewal": 3.0, "tickets_90d": 1.0}, {"tickets_90d"}, CELL, WORDS,
    )  # fmt: skip
    assert [one["health_points"] for one in told] == [None, None, None]


@pytest.mark.parametrize(
    ("feature", "text"), [("failed_payments_90d", "none"), ("plan", None), ("nps_latest", None), ("unknown", None)]
)
def test_a_median_reads_as_a_value_or_is_left_out(feature: str, text: str | None) -> None:
    (told,) = with_health([driver(feature)], {}, (), CELL, WORDS)
    assert (told["peer"] and told["peer"]["text"]) == text


def test_of_everyone() -> None:
    everyone = Cell(None, None, 300, {}, 0.0, {"tickets_90d": 2.0})
    (told,) = with_health([driver("tickets_90d")], {}, (), everyone, WORDS)
    assert told["peer"]["of"] == "renewed accounts"
