"""What a list is made of: whom it is asked of, what today's settings say, and what holds whoever is asked of."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.practice import CallSettings, HealthSettings
from features.settings import Settings
from serving.lists import Asked, Said, list_document
from success.calls import NOT_ON_RECORD
from tests.success.books import make_book, make_rule_book

RUN: Any = SimpleNamespace(header={"as_of": "2026-02-01", "model_version": "3", "computed_at": "2026-02-01T03:00:00Z"})
FIVE = Settings(calls=CallSettings(capacity=5))


@pytest.fixture(scope="module")
def book() -> pd.DataFrame:
    """300 accounts of three CSMs and of nobody."""
    return make_book(300, 3)


def listed(
    name: str,
    book: pd.DataFrame,
    settings: Settings = FIVE,
    said: Said | None = None,
    bound: str | None = None,
    **asked: Any,
) -> dict[str, Any]:
    return list_document(name, RUN, book, settings, said or Said(), Asked(**asked), bound)


def ids(document: dict[str, Any]) -> list[str]:
    return [row["account_id"] for row in document["rows"]]


def test_bands_are_those_of_todays_settings(book: pd.DataFrame) -> None:
    wide = Settings(health=HealthSettings(edges=(48.0, 52.0)))
    stale = book.assign(band="green")
    told = listed("health", stale, wide, band="red", count=1000)
    assert {row["band"] for row in told["rows"]} == {"red"}
    known = book["health"].notna()
    shown = np.floor(np.clip(book["health"], 0, 100) + 0.5)
    assert set(ids(told)) == set(book.loc[known & (shown < 48), "account_id"])
    assert told["total"] > listed("health", book, band="red")["total"]


def test_a_segment_is_meant_in_any_case_of_letters_and_an_id_is_not(book: pd.DataFrame) -> None:
    for name in ("health", "calls", "overview"):
        assert listed(name, book, segment="SMB") == listed(name, book, segment="smb")
    assert listed("health", book.assign(segment="Straße"), segment="STRASSE")["total"] == len(book)
    assert listed("health", book, csm_id="CSM-1")["total"] == 0


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"segment": "retail"}, "No account is in the segment retail; there are enterprise, mid and smb."),
        ({"band": "amber"}, "No account is in the band amber; there are red, yellow and green."),
        ({"csm_id": "csm-9"}, "No account has the CSM csm-9; there are csm-1, csm-2 and csm-3."),
    ],
)
def test_what_no_account_has_is_told_with_what_there_is(book: pd.DataFrame, asked: dict[str, Any], says: str) -> None:
    told = listed("health", book, **asked)
    assert (told["total"], told["summary"]["notes"][0]) == (0, says)


def test_of_many_names_a_dozen_are_told_and_of_none_that_there_is_none(book: pd.DataFrame) -> None:
    many = book.assign(csm_id=[f"c-{n % 20:02}" for n in range(len(book))])
    note = listed("health", many, csm_id="c-99")["summary"]["notes"][0]
    assert note.count("c-") - 1 == 11
    assert note.endswith("c-10 and 9 others.")
    nobody = listed("health", book.assign(segment=None), segment="smb")["summary"]["notes"][0]
    assert nobody == "No account is in the segment smb; no account has one."


def test_whoever_is_bound_is_told_only_of_what_is_in_their_book(book: pd.DataFrame) -> None:
    split = book.assign(segment=np.where(book["csm_id"] == "csm-1", "mine", "theirs"))
    note = listed("health", split, bound="csm-1", segment="theirs")["summary"]["notes"][0]
    assert note == "No account is in the segment theirs; there is mine."
    for other in ("csm-2", "nobody"):
        notes = listed("health", split, bound="csm-1", csm_id=other)["summary"]["notes"]
        assert "csm" not in " ".join(notes)


def test_fewer_rows_do_not_make_a_csms_week_shorter_nor_more_longer(book: pd.DataFrame) -> None:
    usual = listed("calls", book, csm_id="csm-1")
    for count in (1, 2, 100):
        told = listed("calls", book, csm_id="csm-1", count=count)
        assert told["rows"] == usual["rows"][:count]
        assert (told["total"], told["summary"]) == (usual["total"], usual["summary"])
    assert usual["total"] == usual["summary"]["capacity"] == 5
    assert usual["summary"]["left_out"]["beyond_capacity"] > 0


def test_whether_contacts_are_on_record_is_told_by_all_accounts(book: pd.DataFrame) -> None:
    ours = book["csm_id"] == "csm-1"
    silent = book.assign(f_days_since_two_way_contact=np.where(ours, np.nan, 4.0))
    assert {row["contact"] for row in listed("calls", silent, csm_id="csm-1")["rows"]} - {NOT_ON_RECORD}
    never = book.assign(f_days_since_two_way_contact=np.nan)
    assert {row["contact"] for row in listed("calls", never, csm_id="csm-1")["rows"]} == {NOT_ON_RECORD}


@pytest.mark.parametrize("name", ["billing", "leaving", "growth", "advocates", "renewals", "disagreements", "matrix"])
def test_what_is_said_of_an_account_does_not_depend_on_who_else_is_asked_of(book: pd.DataFrame, name: str) -> None:
    differing = book.assign(mrr=book["mrr"] * book["segment"].map({"smb": 1.0, "mid": 10.0, "enterprise": 100.0}))
    whole = listed(name, differing, count=1000)["rows"]
    for segment in ("smb", "enterprise"):
        among = set(differing.loc[differing["segment"] == segment, "account_id"])
        alone = listed(name, differing, segment=segment, count=1000)["rows"]
        expected = [row for row in whole if row["account_id"] in among]
        assert sorted(map(str, without_place(alone))) == sorted(map(str, without_place(expected)))


def without_place(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "rank"} for row in rows]


def test_what_rules_say_comes_after_what_a_model_says() -> None:
    by_model, by_rules = make_book(40, 3), make_rule_book(40, 4)
    ruled = by_rules.assign(account_id=[f"r{n}" for n in range(40)], mrr=by_rules["mrr"] * 100)
    rows = listed("calls", pd.concat([by_model, ruled], ignore_index=True), count=1000)["rows"]
    kinds = [row["by"] for row in rows]
    assert kinds == sorted(kinds)
    assert set(kinds) == {"probability", "rules"}
    stakes = [row["at_stake"] for row in rows]
    assert stakes != sorted(stakes, reverse=True)


def test_a_list_is_judged_by_what_stood_on_ones_own(book: pd.DataFrame) -> None:
    """Not by what was said of an account that was on another's list then, nor of another's account."""
    day = dt.date(2026, 1, 5)
    ours, theirs = (book.loc[book["csm_id"] == csm, "account_id"].tolist()[:6] for csm in ("csm-1", "csm-2"))
    lists = pd.DataFrame({"as_of": day, "account_id": [*ours, *theirs]}).astype(object)
    lists["csm_id"] = ["csm-2"] * 2 + ["csm-1"] * 4 + ["csm-2"] * 6  # the first two were another's then
    said = Said(verdicts=[{"account_id": one, "verdict": "handled", "as_of": day} for one in lists["account_id"]],
                lists=lists)  # fmt: skip
    for found in (listed("calls", book, said=said, csm_id="csm-1"), listed("calls", book, said=said, bound="csm-1")):
        overall = found["summary"]["precision"]["overall"]
        assert (overall["listed"], overall["judged"]) == (4, 4)
    everybody = listed("calls", book, said=said)["summary"]["precision"]["overall"]
    assert (everybody["listed"], everybody["judged"]) == (12, 12)
    segment = str(book.set_index("account_id").loc[ours[0], "segment"])
    among = book.set_index("account_id").loc[lists["account_id"], "segment"] == segment
    told = listed("calls", book, said=said, segment=segment)["summary"]["precision"]["overall"]
    assert told["listed"] == among.sum() < 12
