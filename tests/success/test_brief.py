"""The brief: every kind of account reads as a page of sentences from data, and what is unknown is said to be."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from typing import Any

import pytest

from success.brief import brief_parts, markdown
from tests.success.account import DRIVERS, FACTS, GONE, ROW, SETTINGS, YOUNG, read


def test_a_page_answers_what_is_asked_before_a_call() -> None:
    page = read(earlier={"as_of": "2026-02-23", "churn_90d": 0.11})
    for said in (
        "A customer since 12 April 2023 (2 years and 10 months); 2 renewals behind it.",
        "It renews on 12 April 2026 (in 41 days), for 12 months at a time.",
        "When it renews makes leaving within 90 days more likely than is usual for mid, adoption, by 6 points that are "
        "no part of health.",
        "It pays 1,250 EUR a month, about 15,000 a year, on the plan pro with 24 seats.",
        "A year ago it paid 1,000 EUR a month; today it is 25 % more.",
        "Health is 34 of 100 (red); 50 is the typical account of mid, adoption, and 10 points double or halve the "
        "odds of staying.",
        "About 1 in 5 accounts like this leave by 30 May 2026, against 1 in 20 of typical accounts; on 23 February "
        "2026 it was 1 in 9.",
        "below typical: engagement 31 and billing 44",
        "no data: sentiment",
        "18 people used the product in the last four weeks; renewed accounts of mid, adoption: 27 people (engagement, "
        "14 points).",
        "The rules of the scorecard put it at 62 (green) and its CSM at 75 (green) on 20 February 2026.",
        "Since 23 February 2026 (7 days ago) health fell from 41 to 34, by what changed at the account.",
        "Since 1 March 2026 (yesterday) health fell from 36 to 34: −3 by what changed at the account and +1 by a new "
        "segment or stage.",
        "Worse by 4 points: 18 people used the product in the last four weeks (before: 31 people).",
        "It has been on its CSM's call list since 23 February 2026 (7 days ago), in place 3.",
        "1 support ticket is open, opened 10 days ago, of urgent priority, escalated; 3 were opened in the last 90 "
        "days, 1 of high or urgent priority.",
        "1 invoice of 1,250 EUR is past due, by 4 days.",
        "2 attempts to collect a payment failed in the last 90 days, the last on 27 February 2026 (3 days ago; expired "
        "card); none has succeeded since.",
        "The card on file expires on 14 March 2026 (in 12 days).",
        "The last contact that went both ways was on 20 January 2026 (41 days ago): business review with C7; 2 ",
        "10 February 2026: email with C7, not answered.",
        "Among its users: 2 champions (U1 and U2) and no decision maker.",
        "Left within a year: U9, decision maker, on 5 January 2026.",
        "Last answers: NPS 6 of 10 (champion, 9 January 2026).",
        "Of 20 users ever registered, 15 have used it.",
    ):
        assert said in page
    todo = page.split("## What to do next\n")[1].splitlines()
    assert [line.split(". Why: ")[1][:12] for line in todo] == ["18 people us", "2 attempts t"]
    assert todo[1].startswith("- Dunning")
    assert "41 days away" not in page, "the calendar is apart from what speaks against the account"
    assert len(page.splitlines()) <= 66


@pytest.mark.parametrize("name", sorted(set(FACTS) - {"currency"}))
def test_a_fact_that_is_not_on_record_is_never_told_as_none(name: str) -> None:
    page = read(facts={**FACTS, name: None})
    whole = set(read().splitlines())
    new = [line for line in page.splitlines() if line not in whole]
    allowed = re.compile(r"not on record|not had a paid|looks after it|It renews|It pays|Of \d+ users|A customer since")
    assert all(allowed.search(line) for line in new), new
    assert "None" not in page


def test_without_facts_the_page_says_so_and_tells_what_the_scores_tell() -> None:
    page = read(facts=None)
    assert "No facts of this account are stored" in page
    assert "Health is 34 of 100" in page
    assert "## What we have talked about" not in page


def test_an_old_row_without_health_reads_and_tells_percentage_points() -> None:
    old = {k: v for k, v in ROW.items() if not k.startswith(("health", "rule_", "change_", "pulse", "list", "moved"))}
    for name in ("band", "stage", "calendar_points", "plan_points", "no_data_points", "points_to_double", "arm"):
        del old[name]
    drivers = [{k: v for k, v in d.items() if k not in ("health_points", "peer")} for d in DRIVERS]
    page = read(old, drivers=drivers)
    assert "It has no health score." in page
    assert (
        "18 people used the product in the last four weeks; typical: 31 people (engagement, 9 percentage points)"
        in page
    )
    assert "## What changed" not in page


def test_a_young_account_is_told_as_one() -> None:
    page = read({**ROW, "stage": "onboarding", "health_contract": 53.2}, {**FACTS, **YOUNG})
    for said in (
        "It began 41 days ago and counts as being onboarded",
        "Its fit, by what it is and what it bought, is 3 points above what is usual for mid, adoption.",
        "It was first used on 23 January 2026 (38 days ago), 3 days after its first subscription began.",
        "Of 9 users registered so far, 2 have used it.",
        "Of 3 milestones, 1 is reached.",
        "Past due: training (due 5 days ago).",
        "Due next: go live (in 18 days).",
        "It has not gone live or reached a goal yet.",
        "its first renewal is still to come",
        "Why: training was due 5 days ago.",
    ):
        assert said in page
    assert "18 people used" not in page.split("## What to do next")[1], "what came before it began calls for nothing"


def test_a_churned_account_shows_its_last_score_and_what_was_stated() -> None:
    last = {k: v for k, v in ROW.items() if k != "account_id"} | {"as_of": "2026-01-05", "drivers": DRIVERS}
    facts = {**FACTS, "churned_on": "2026-02-01", "exits": [{"reason": "price", "on": "2026-02-03"}]}
    page = read(GONE, facts, drivers=[], frozen=last)
    for said in (
        "It was a customer from 12 April 2023 to 1 February 2026: 2 years and 9 months.",
        "Its last paid subscription ended on 1 February 2026 (29 days ago).",
        "Stated reason for leaving: price (3 February 2026).",
        "Its last score is of 5 January 2026 (56 days ago); what follows was said then.",
        "Health is 34 of 100 (red)",
        "Nothing but a win-back is left; the stated reason was price.",
    ):
        assert said in page
    assert "It was never scored before it left." in read(GONE, facts, drivers=[])
    assert "No reason for leaving has been stated." in read(GONE, {**facts, "exits": []}, drivers=[])
    assert "for want of payment" in read(GONE, {**facts, "end_reason": "involuntary"}, drivers=[])


def test_notice_tells_when_it_ends() -> None:
    row = {**GONE, "status": "notice_given", "mrr": 1250.0, "renews_on": "2026-04-12",
           "reason": "Notice has been given, so there is nothing left to forecast."}  # fmt: skip
    page = read(row, {**FACTS, "notice_on": "2026-02-20", "ends_on": "2026-04-12"}, drivers=[],
                earlier={"as_of": "2026-02-19", "health": 44.0, "band": "yellow"})  # fmt: skip
    assert "Notice was given on 20 February 2026 (10 days ago)." in page
    assert "It ends on 12 April 2026 (in 41 days)." in page
    assert "On 19 February 2026 health was 44 of 100 (yellow)." in page
    assert "Ask for the reason before it ends, in 41 days." in page
    unknown = read(row, {**FACTS, "notice_on": "2026-02-20"}, drivers=[])
    assert "It ends on 12 April 2026 (in 41 days)." in unknown, "the day that the list of those leaving has"
    later = read({**row, "renews_on": "2026-05-01"}, {**FACTS, "ends_on": "2026-04-12"}, drivers=[])
    assert "It ends on 1 May 2026" in later
    nobody = read({**row, "renews_on": None}, {**FACTS, "renews_on": None}, drivers=[])
    assert "When it ends is not on record." in nobody


def test_a_rule_based_home_says_that_there_is_no_probability() -> None:
    row = {k: v for k, v in ROW.items() if not k.startswith(("churn", "typical", "expected", "involuntary", "change"))}
    row |= {"status": "insufficient_data", "health_source": "rule_based", "drivers_horizon": None, "mrr_at_risk": None,
            "renewal_next": None, "reason": "There is no model of churn yet, so health is rule-based."}  # fmt: skip
    page = read(row, drivers=[])
    assert "Health is 34 of 100 (red), by the rules of the scorecard. There is no model of churn yet" in page
    assert "By dimension: engagement 31, billing 44, adoption 49" in page
    assert "accounts like this" not in page


def test_mainly_a_payment_risk_is_for_billing() -> None:
    page = read({**ROW, "involuntary_90d": 0.15})
    first = page.split("## What to do next\n")[1].splitlines()[0]
    assert first == (
        "- Dunning: ask for working payment details and try again. Why: 75 % of the risk that it leaves is that of a "
        "failed payment, so it is for billing."
    )


def test_a_healthy_account_is_one_to_grow_or_to_ask() -> None:
    row = {**ROW, "health": 71.0, "band": "green", "churn_90d": 0.02, "mrr_at_risk": 25.0, "list_rank": None}
    features = {"seats_used_share": 0.96, "nps_latest": 10.0, "nps_mean_180d": 9.5, "advocacy_365d": 0.0}
    page = read(row, drivers=DRIVERS[3:], features=features)
    assert "Talk about growing (upsell). Why: 96 % of its seats are in use." in page
    assert "Ask for a reference. Why: answers to the recommendation question come to 9.5 of 10" in page
    young = read({**row, "stage": "onboarding"}, {**FACTS, **YOUNG}, drivers=DRIVERS[3:], features=features)
    assert "Talk about growing" not in young
    calm = read(row, drivers=DRIVERS[3:])
    assert "Nothing calls for a play today" in calm


def test_what_was_said_of_it_comes_first_and_its_arm_is_nobodys_business() -> None:
    said = [{"verdict": "handled", "until": dt.date(2026, 3, 9), "given_at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC)}]
    page = read({**ROW, "arm": "control"}, {**FACTS, "arm": "control"}, feedback=said)
    lines = page.split("## What to do next\n")[1].splitlines()
    assert lines[0] == (
        "- Before anything else: it was marked as handled on 1 March 2026; it is snoozed until 9 March 2026."
    )
    assert "control" not in page
    assert lines[1:] == read().split("## What to do next\n")[1].splitlines()


def test_a_missing_value_calls_for_no_play_and_stands_beside_no_peer() -> None:
    missing = {**DRIVERS[0], "feature": "nps_latest", "dimension": "sentiment", "value": None,
               "sentence": "No answer to the recommendation question in the last year is on record"}  # fmt: skip
    page = read(drivers=[missing])
    assert "is on record (sentiment, 14 points)." in page
    assert "Close the loop" not in page


def test_a_play_stands_once_and_a_play_switched_off_stands_nowhere() -> None:
    plays = SETTINGS.plays.with_({"active_users": "", "failed_payments": "Call them"})
    page = read(drivers=[*DRIVERS, DRIVERS[2]], settings=dataclasses.replace(SETTINGS, plays=plays))
    assert page.count("Call them") == 1
    assert "18 people" not in page.split("## What to do next")[1]


def test_the_parts_say_what_the_page_says() -> None:
    parts = brief_parts(ROW, DRIVERS, FACTS, SETTINGS)
    assert markdown(parts) == read()
    assert [section["key"] for section in parts["sections"]] == [
        "time", "renewal", "worth", "health", "changes", "use", "open", "relations", "steps"]  # fmt: skip
    assert parts["health"] == {"score": 34, "exact": 34.2, "band": "red", "source": "model", "cell": "mid, adoption"}
    assert parts["steps"][0]["feature"] == "active_users_28d"


def test_what_is_no_worse_than_its_peers_or_far_off_calls_for_nothing() -> None:
    def plays(**changed: object) -> list[str]:
        return [step["kind"] for step in brief_parts(row, [{**DRIVERS[0], **changed}], FACTS, SETTINGS)["steps"]]

    row = {**ROW, "list_rank": None}

    assert plays() == ["driver"]
    assert plays(value=27.0) == ["note"], "as many people as renewed accounts have"
    card = {"feature": "days_to_card_expiry", "dimension": "billing", "peer": None}
    assert [plays(**card, value=days) for days in (-3.0, 60.0, 61.0)] == [["driver"], ["driver"], ["note"]]
    assert plays(health_points=-1.0) == ["note"], "it hardly costs anything"


def test_what_moved_is_read_as_a_list_too() -> None:
    assert read({**ROW, "moved": json.loads(ROW["moved"])}) == read()
    used = "People there took {} actions in the last four weeks, against {} actions in the four before"
    moved = [{**json.loads(ROW["moved"])[0], "sentence": used.format(40, 74), "sentence_before": used.format(77, 42)}]
    page = read({**ROW, "moved": moved})
    assert "Worse by 4 points: People there took 40 actions in the last four weeks (before: 77 actions)." in page
    failed = "{} attempts to collect a payment failed in the last 90 days"
    other = {"feature": "failed_payments_90d", "sentence": failed.format(14), "sentence_before": failed.format(12)}
    assert "Better by 11" not in read({**ROW, "moved": [{**other, "points": 11.0}]}), "more of them is not better"
    assert "Worse by 11" in read({**ROW, "moved": [{**other, "points": -11.0}]})


def test_who_is_on_the_call_list_is_never_told_to_be_left_alone_or_to_grow() -> None:
    row = {**ROW, "health": 71.0, "band": "green", "churn_90d": 0.06}
    driver = {**DRIVERS[0], "health_points": 2.0}
    page = read(row, drivers=[driver], features={"seats_used_share": 0.96})
    assert "Nothing calls" not in page
    assert "Talk about growing" not in page
    assert "Why: it is in place 3 of its CSM's call list: 18 people used the product" in page
    assert "Talk about growing" in read(
        {**row, "list_rank": None}, drivers=[driver], features={"seats_used_share": 0.96}
    )


def test_without_a_model_the_rule_that_costs_most_gives_the_play() -> None:
    rules = [{"name": "nps", "feature": "nps_latest", "score": 20.0, "value": 2.0, "weight": 9.0},
             {"name": "use", "feature": "active_days_28d", "score": 10.0, "value": 1.0, "weight": 1.0}]  # fmt: skip
    row = {**ROW, "health_source": "rule_based", "drivers_horizon": None, "churn_90d": None, "list_rank": None}
    for page in (read(row, {**FACTS, "rule_scores": rules}, drivers=[]),
                 read({**row, "rule_scores": json.dumps(rules)}, drivers=[])):  # fmt: skip
        assert "Lowest rules: use 10 and recommendation question 20 of 100." in page
        assert 'Close the loop with the detractors within a week. Why: the rule "nps" gives 20 of 100.' in page
        assert "no drivers are known" not in page


def test_payments_that_came_in_since_call_for_no_dunning() -> None:
    facts = {**FACTS, "payments": {**FACTS["payments"], "paid_since": True}}
    assert "ask for working payment details" not in read(facts=facts)
    assert "ask for working payment details" in read()
    involuntary = read({**ROW, "involuntary_90d": 0.15}, facts)
    assert "Hand it to billing. Why: 75 %" in involuntary


def test_what_has_closed_or_did_not_pay_is_asked_nothing() -> None:
    closed = read(GONE, {**FACTS, "exits": [{"reason": "closed"}]}, drivers=[])
    assert "It has closed; nothing is left to do." in closed
    assert "win-back" not in closed
    unpaid = {**FACTS, "exits": [], "end_reason": "involuntary"}
    assert "Ask for the reason" not in read(GONE, unpaid, drivers=[])
    assert "Ask for the reason" in read(GONE, {**unpaid, "end_reason": "voluntary"}, drivers=[])


def test_a_driver_never_reads_as_the_contrary_of_what_it_is_told_for() -> None:
    def said(change: float, points: float) -> bool:
        driver = {**DRIVERS[0], "feature": "events_change", "value": change, "health_points": points, "peer": None,
                  "sentence": "Use of the product changed"}  # fmt: skip
        return "Use of the product changed" in read(drivers=[driver])

    assert [said(0.8, -9.0), said(-0.8, 9.0), said(-0.8, -9.0), said(0.8, 9.0)] == [False, False, True, True]

    def counted(now: int, before: int, points: float, **given: Any) -> str:
        told = f"People there took {now} actions in the last four weeks, against {before} actions in the four before"
        driver = {**DRIVERS[0], "feature": "events_28d", "value": float(now), "health_points": points,
                  "sentence": told, "peer": {"value": 50.0, "text": "50 actions", "of": "others"}}  # fmt: skip
        page = read(drivers=[driver], **given)
        return next((line[2:-1] for line in page.splitlines() if "it: People there took" in line), "").split("; ")[0]

    assert counted(37, 37, -9.0).endswith("37 actions in the last four weeks, as in the four before")
    assert counted(90, 99, 9.0).endswith("90 actions in the last four weeks"), "it is still more than its peers'"
    assert counted(90, 60, -9.0) == ""
    assert counted(30, 60, -9.0).endswith("against 60 actions in the four before")
    young = {**FACTS, "customer_since": "2026-02-04"}
    assert counted(30, 60, -9.0, facts=young).endswith("30 actions in the last four weeks")


def test_silence_is_told_once_and_arrears_stand_beside_no_peer() -> None:
    silent = [{**DRIVERS[0], "feature": name, "dimension": "sentiment", "value": None, "sentence": f"Nothing of {name}",
               "health_points": -9.0 + n} for n, name in enumerate(("nps_latest", "csat_mean_180d"))]  # fmt: skip
    late = {**DRIVERS[0], "feature": "oldest_overdue_days", "dimension": "billing", "value": 4.0,
            "sentence": "The oldest invoice past due should have been paid 4 days ago",
            "peer": {"value": 12.0, "text": "12 days", "of": "renewed accounts"}}  # fmt: skip
    page = read(drivers=[*silent, late])
    assert "Nothing of nps_latest" in page
    assert "csat_mean_180d" not in page
    assert "should have been paid 4 days ago (billing" in page


def test_what_looks_back_further_than_an_account_is_old_is_not_told() -> None:
    row = {**ROW, "health": 71.0, "band": "green", "churn_90d": 0.02, "list_rank": None}
    features = {"new_departments_180d": 3.0, "tenure_days": 1055.0}
    assert "3 more departments" in read(row, features=features, drivers=[])
    assert "more departments" not in read(row, {**FACTS, "customer_since": "2025-11-01"}, features=features, drivers=[])


def test_small_numbers_read_as_a_person_says_them() -> None:
    assert "It pays nothing, on the plan pro with 24 seats." in read({**ROW, "mrr": 0.0})
    tickets = {**FACTS["tickets"], "opened_90d": 1}
    assert "; 1, of high or urgent priority, was opened in the last 90 days." in read(
        facts={**FACTS, "tickets": tickets}
    )
    assert "health stayed at 34.\n" in read({**ROW, "health_7d": 34.4})
    young = {**FACTS, "customer_since": "2026-02-04"}
    assert "in the four before" not in read(facts=young, drivers=[])
