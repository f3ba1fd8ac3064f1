"""The examples of reports: what is answered where they are kept, and figures that hang together."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from features.history import History
from serving.accounting import account_for
from serving.openapi.examples_money import MONEY_ANSWERS
from serving.openapi.routes import PATHS
from serving.reports import ROWS, bound_revenue, bound_roi, revenue_document, roi_document
from serving.store.address import address_of
from serving.store.reports import Report, keep, report_of
from serving.store.store import Store
from serving.store.tables import reports
from serving.store.tokens import create
from success.periods import Period
from tests.serving.made_baselines import made_up

Service = Any

TOLD_BY = ("segment", "csm")


@pytest.mark.parametrize("path", ["/roi", "/revenue"])
def test_each_example_is_what_is_answered(service: Service, path: str) -> None:
    operation = PATHS[path]["post"]
    asked = operation["requestBody"]["content"]["application/json"]["examples"]
    told = operation["responses"]["200"]["content"]["application/json"]["examples"]
    assert set(asked) == set(told)
    for name, one in asked.items():
        assert service.call("POST", path, one["value"]).json() == told[name]["value"]


def test_a_token_bound_to_a_book_gets_that_book(service: Service) -> None:
    ours = service.call("POST", "/roi", {"period": "2025Q4"}, token="bound").json()
    assert [csm["csm_id"] for csm in ours["csms"]] == ["c-7"]
    assert ours == service.call("POST", "/roi", {"period": "2025Q4", "csm_id": "c-7"}, token="bound").json()
    assert {ours[name] for name in ("company", "nobody", "shift", "ranking")} == {None}
    for by in ({}, {"by": "csm"}):
        told = service.call("POST", "/revenue", {"period": "2025Q4", **by}, token="bound").json()
        assert [group["group"] for group in told["groups"]] == ["c-7"]
        assert told["total"] is None


def test_it_names_no_account_that_is_in_another_book_by_now(service: Service) -> None:
    """Of those of the example, a-2 and a-3 are in the book of c-8 on the scored day."""

    def named(token: str) -> set[str]:
        answer = service.call("POST", "/roi", {"period": "2025Q4", "csm_id": "c-7"}, token=token).json()
        return {row["account_id"] for name in ROWS for row in answer["csms"][0][name]}

    assert "a-3" in named("read")
    assert named("bound") == named("read") - {"a-2", "a-3"}


def test_nor_one_that_left_out_of_another_book(make_service: Callable[..., Service]) -> None:
    """It is in no scored book any more; the report knows that c-8 had it last."""
    service = make_service()
    kept = report_of(service.store, "roi", "2025Q4")
    assert kept is not None
    of_c7 = kept.body["csms"][0]
    left = next(row["account_id"] for row in of_c7["explained"] if row["account_id"] not in ("a-2", "a-3"))
    asked = {"period": "2025Q4"}
    assert left in service.call("POST", "/roi", asked, token="bound").text
    body = {**kept.body, "held_last": {**kept.body["held_last"], left: "c-8"}}
    keep(service.store, [replace(kept, body=body)])
    told = service.call("POST", "/roi", asked, token="bound")
    assert left not in {row["account_id"] for name in ROWS for row in told.json()["csms"][0][name]}
    assert any("went to another book since" in one for one in told.json()["csms"][0]["sentences"])


def test_another_book_is_told_like_none_at_all(service: Service) -> None:
    def refused(csm_id: str) -> Any:
        asked = {"period": "2025Q4", "csm_id": csm_id}
        told = service.problem(service.call("POST", "/roi", asked, token="bound"))
        return {**told, "detail": told["detail"].replace(csm_id, "ID")}

    assert refused("c-8") == refused("nobody")
    assert refused("c-8")["type"] == "urn:tenure:problem:unknown-csm"
    for by in ("segment", "plan", "seller", "cohort"):
        told = service.problem(service.call("POST", "/revenue", {"period": "2025Q4", "by": by}, token="bound"))
        assert (told["status"], told["type"]) == (404, "urn:tenure:problem:no-report")
    asked = {"period": "2025Q4", "by": "segment"}
    told = service.problem(service.call("POST", "/revenue", asked, token="read"))
    assert told["detail"] == (
        "There is no report on 2025Q4 by segment; run `tenure roi DIR --period 2025Q4` to make one."
    )


def test_a_book_of_which_there_is_nothing(make_service: Callable[..., Service]) -> None:
    service = make_service()
    _, text = create(service.store, "another", ["read"], "c-99")
    headers = {"Authorization": f"Bearer {text}"}
    for path, kind in (("/roi", "unknown-csm"), ("/revenue", "no-report")):
        told = service.problem(service.call("POST", path, {"period": "2025Q4"}, token=None, headers=headers))
        assert (told["status"], told["type"]) == (404, f"urn:tenure:problem:{kind}")


def test_a_report_that_cannot_be_read_is_a_problem_and_no_fault(make_service: Callable[..., Service]) -> None:
    service = make_service()
    with service.store.writing() as connection:
        connection.execute(sa.update(reports).values(body=b"?"))
    for path in ("/roi", "/revenue"):
        told = service.problem(service.call("POST", path, {"period": "2025Q4"}))
        assert (told["status"], told["type"]) == (503, "urn:tenure:problem:store-unusable")


def books() -> list[dict[str, Any]]:
    roi = MONEY_ANSWERS["RoiAnswers"]["all"]
    return [*roi["csms"], roi["company"]]


def test_the_figures_of_each_book_hang_together() -> None:
    for book in books():
        exit_impact = 12 * (book["realised_exit_mrr"] - book["expected_exit_mrr"])
        assert book["impact_exit"]["value"] == pytest.approx(exit_impact, abs=0.1)
        for part in ("exit", "revenue"):
            both = book[f"shift_{part}"] + book[f"remainder_{part}"]["value"]
            assert book[f"impact_{part}"]["value"] == pytest.approx(both, abs=0.03)
        assert book["saves"]["value"] == pytest.approx(book["expected_churns"] - book["churns"], abs=1e-3)


def test_the_movements_of_each_group_add_up() -> None:
    for answer in MONEY_ANSWERS["RevenueAnswers"].values():
        for group in (answer["total"], *answer["groups"]):
            moved = dict(group["movement"])
            closing = moved.pop("closing")
            assert sum(moved.values()) == pytest.approx(closing, abs=1e-6)
    by_csm = MONEY_ANSWERS["RevenueAnswers"]["csm"]
    for name in ("opening", "new", "closing"):
        parts = [group["movement"][name] for group in by_csm["groups"]]
        assert sum(parts) == pytest.approx(by_csm["total"]["movement"][name], abs=1e-6)


@pytest.fixture(scope="module")
def made(history: History, tmp_path_factory: pytest.TempPathFactory) -> list[Report]:
    """The reports of the made-up company, in total and by two things."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch, Store.open(address_of(folder)) as store:
        patch.setattr("serving.baselines.expectations_for", made_up)
        patch.setattr("serving.accounting.GROUPINGS", TOLD_BY)  # the others have the same shape
        found = account_for(history, folder, store, Period.parse("2025Q1"), history.observed_until, lambda _: None)
        told = found.reports(dt.datetime(2025, 7, 1, 3, tzinfo=dt.UTC))
        keep(store, told)
        return [kept for one in told if (kept := report_of(store, one.kind, one.period, one.by)) is not None]


def test_reports_as_they_are_made_fit_their_schemas(
    conforms: Callable[[list[str], Any], None], made: list[Report]
) -> None:
    assert [(one.kind, one.by) for one in made] == [("roi", ""), *(("revenue", by) for by in ("", *TOLD_BY))]
    roi, *revenue = made
    for csm in (None, "C002"):
        conforms(["components", "schemas", "RoiAnswer"], roi_document(roi, csm))
    for one in revenue:
        conforms(["components", "schemas", "RevenueAnswer"], revenue_document(one))
    by_csm = next(one for one in revenue if one.by == "csm")
    conforms(["components", "schemas", "RoiAnswer"], bound_roi(roi, "C002", {}))
    conforms(["components", "schemas", "RevenueAnswer"], bound_revenue(by_csm, "C002"))


def test_the_part_of_a_book_names_nobody_else(made: list[Report]) -> None:
    """No other CSM, and no account of which nothing is in its own part of the report."""
    roi, by_csm = made[0], next(one for one in made if one.by == "csm")
    others = {csm["csm_id"] for csm in roi.body["csms"]} - {"C002"}
    assert len(others) > 5
    for part in (bound_roi(roi, "C002", {}), bound_revenue(by_csm, "C002")):
        text = json.dumps(part)
        assert "C002" in text
        assert not [csm for csm in others if csm in text]
    (ours,) = [csm for csm in roi.body["csms"] if csm["csm_id"] == "C002"]
    last = roi.body["held_last"]
    gone = {row["account_id"] for name in ROWS for row in ours[name] if last[row["account_id"]] != "C002"}
    told = bound_roi(roi, "C002", {})
    assert told is not None
    assert gone
    assert not gone & {row["account_id"] for name in ROWS for row in told["csms"][0][name]}
