"""Edges of the brief: the same day twice, days that are today, what is old, what is young, what comes after a gap."""

from __future__ import annotations

from typing import Any

import pytest

from success.brief import brief_parts
from tests.success.account import DRIVERS, FACTS, ROW, SETTINGS, YOUNG, read

WELL = {**ROW, "health": 71.0, "band": "green", "churn_90d": 0.02, "list_rank": None}


def driver(**columns: Any) -> dict[str, Any]:
    return {**DRIVERS[0], **columns}


def test_what_the_calendar_does_is_told_with_its_direction() -> None:
    told = "makes leaving {} likely than on 1 March 2026, by 2 points."
    assert told.format("less") in read({**ROW, "change_calendar": 2.0})
    assert told.format("more") in read({**ROW, "change_calendar": -2.0})


@pytest.mark.parametrize("same", ["health_before", "health_28d"])
def test_a_day_is_compared_with_once(same: str) -> None:
    page = read({**ROW, same: ROW["health_7d"], f"{same}_on": ROW["health_7d_on"]})
    assert page.count("Since 23 February 2026") == 1


def test_whole_points_add_up_to_what_is_shown() -> None:
    page = read({**ROW, "health_before": 37.4, "change_customer": -2.6, "change_stage": -0.6})
    assert "from 37 to 34: −2 by what changed at the account and −1 by a new segment or stage." in page


def test_who_came_onto_the_list_today_is_said_to() -> None:
    assert "It came onto its CSM's call list today, in place 3." in read({**ROW, "listed_since": ROW["as_of"]})


def test_who_came_back_or_paid_nothing_a_year_ago_is_told_so() -> None:
    page = read(facts={**FACTS, "since": "2025-06-01", "returns": 1, "mrr_year_ago": 0})
    assert (
        "A customer since 1 June 2025 (9 months), after a time without a subscription (at first from 12 April 2023)"
        in page
    )
    assert "A year ago it paid nothing." in page


def test_silence_in_use_is_told_once() -> None:
    silent = [
        driver(feature=name, value=value, sentence=f"Nothing of {name}", peer=None, health_points=points)
        for name, value, points in (("active_users_28d", 0.0, -9.0), ("days_since_last_use", 28.0, -8.0))
    ]
    page = read(drivers=silent)
    assert "Nothing of active_users_28d" in page
    assert "Nothing of days_since_last_use" not in page
    assert "Nothing of days_since_last_use" in read(drivers=[silent[0], {**silent[1], "value": 27.0}])


def test_a_driver_that_looks_back_further_than_the_account_is_old_is_not_told() -> None:
    new = driver(feature="new_users_90d", dimension="growth", value=1.0, sentence="One user is new", peer=None)
    assert "One user is new" in read(drivers=[new])
    assert "One user is new" not in read(facts={**FACTS, **YOUNG}, drivers=[new])


def test_peers_that_have_the_same_to_the_eye_are_not_told() -> None:
    assert "renewed accounts of mid, adoption:" in read()
    assert "renewed accounts of mid, adoption:" not in read(
        drivers=[driver(peer={"value": 18.2, "text": "18 people", "of": "renewed accounts of mid, adoption"})]
    )


def test_milestones_that_are_long_past_are_no_open_matter_and_those_of_a_start_stand_with_it() -> None:
    def due(*days: str) -> dict[str, Any]:
        return {"milestones": {"count": 2, "reached": 0, "open": [{"name": "go_live", "due_on": day} for day in days]}}

    assert "Past its day and not reached: go live (due 72 days ago)." in read(facts={**FACTS, **due("2025-12-20")})
    assert "Past its day and not reached: go live (due 11 months ago)." in read(facts={**FACTS, **due("2025-03-02")})
    assert "go live" not in read(facts={**FACTS, **due("2025-03-01")}), "a day over a year"
    young = read({**ROW, "stage": "onboarding"}, {**FACTS, **YOUNG, **due("2026-03-02", "2026-03-01")})
    assert "Past due: go live (due yesterday)." in young
    assert "Due next: go live (today)." in young
    assert "not reached" not in young, "once, with its start"


@pytest.mark.parametrize(
    ("days", "told", "rescue"),
    [
        (["2021-03-01"], ["Long past and not reached: go live (due 5 years ago)."], False),
        (
            ["2025-12-20", "2021-03-01"],
            [
                "Past its day and not reached: go live (due 72 days ago).",
                "Long past and not reached: go live (due 5 years ago).",
            ],
            True,
        ),
    ],
)
def test_milestones_that_a_driver_counts_are_named_and_old_ones_call_for_no_rescue(
    days: list[str], told: list[str], rescue: bool
) -> None:
    count = f"The account has {len(days)} milestones past the due date and not reached"
    counting = driver(feature="milestones_overdue", dimension="adoption", value=2.0, sentence=count, peer=None)
    open_ones = [{"name": "go_live", "due_on": day} for day in days]
    page = read(facts={**FACTS, "milestones": {"count": 5, "reached": 3, "open": open_ones}}, drivers=[counting])
    assert count in page
    assert [line.removeprefix("- ") for line in page.splitlines() if "and not reached:" in line] == told
    assert ("Onboarding rescue" in page) is rescue


def test_an_old_failure_that_nothing_was_paid_after_is_still_open() -> None:
    failed = {"failed_90d": 0, "last_failed_on": "2025-10-01", "paid_since": False}
    said = "The last attempt to collect a payment failed on 1 October 2025"
    assert said in read(facts={**FACTS, "payments": failed})
    assert said not in read(facts={**FACTS, "payments": {**failed, "paid_since": True}})


def test_the_last_three_contacts_are_told() -> None:
    touches = [{"on": f"2026-02-0{n}", "kind": "call", "way": "in", "csm": "C7"} for n in (5, 4, 3, 2)]
    page = read(facts={**FACTS, "contact": {**FACTS["contact"], "touches": touches}})
    assert "3 February 2026: call" in page
    assert "2 February 2026: call" not in page


def test_a_csm_of_today_does_not_inherit_the_day_of_another() -> None:
    assert "C7 has looked after it since 1 June 2025." in read()
    assert "C8 looks after it." in read({**ROW, "csm_id": "C8"})


def test_an_account_with_old_data_says_why() -> None:
    why = "Nothing has come in since 1 February 2026."
    assert why in read({**ROW, "status": "stale", "reason": why})


def test_an_account_that_is_well_needs_more_to_call_for_a_play() -> None:
    def kinds(row: dict[str, Any], points: float) -> list[str]:
        return [step["kind"] for step in brief_parts(row, [driver(health_points=points)], FACTS, SETTINGS)["steps"]]

    assert kinds(WELL, -2.9) == ["note"]
    assert kinds(WELL, -3.0) == ["driver"]
    assert kinds({**ROW, "list_rank": None}, -2.9) == ["driver"]
