"""The tables of lists: what is long is cut, what is unknown is said, and what belongs beside the rows stands there."""

from __future__ import annotations

from typing import Any

import pytest

from serving.cli.list_tables import WIDTH, print_list
from success.calls import NOT_ON_RECORD

CALL: dict[str, Any] = {
    "account_id": "a-1", "name": "Company", "csm_id": "c-7", "mrr": 1200.0, "at_stake": 300.0, "health": 31.0,
    "days_since_contact": None, "contact": "Nobody has spoken with them.", "driver": "2 payments failed", "play": None,
}  # fmt: skip


def printed(capsys: pytest.CaptureFixture[str], name: str, rows: list[dict[str, Any]], **summary: Any) -> str:
    total = summary.pop("total", len(rows))
    print_list({"list": name, "as_of": "2026-02-01", "rows": rows, "total": total, "summary": summary})
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= WIDTH
    return out


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_long_name_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    for length in (40, 41):
        told = printed(capsys, "leaving", [{**CALL, "name": "x" * length, "ends_on": "2026-03-01", "plan": "pro"}])
        assert ("x" * 40 in told.replace("\n", "")) == (length == 40)
        assert ("x" * 39 + "…" in told) == (length == 41)
    assert "a-1" in told


@pytest.mark.parametrize(
    ("contact", "says"),
    [
        ({}, "never"),
        ({"contact": NOT_ON_RECORD}, "not on record"),
        ({"days_since_contact": 12.0}, "12 d ago"),
    ],
)
def test_when_they_last_spoke(capsys: pytest.CaptureFixture[str], contact: dict[str, Any], says: str) -> None:
    told = words(printed(capsys, "calls", [{**CALL, **contact}]))
    assert [one for one in ("never", "not on record", "12 d ago") if one in told] == [says]


def test_what_is_left_out_and_what_is_to_be_known_stand_below(capsys: pytest.CaptureFixture[str]) -> None:
    left_out = {"snoozed": 2, "beyond_capacity": 1300, "billing": 0}
    told = printed(capsys, "calls", [CALL], total=40, left_out=left_out, notes=["2 accounts are snoozed."])
    assert told.startswith("Calls on 1 February 2026: 1 of 40\n")
    assert "Left out: 2 snoozed, 1,300 beyond capacity.\n2 accounts are snoozed.\n" in told
    assert "Left out" not in printed(capsys, "calls", [CALL], left_out={"snoozed": 0})


def test_what_would_steer_a_terminal_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "calls", [{**CALL, "name": "[b]A\x1b[31mB\r"}])
    assert not {"\x1b", "\r"} & set(told)
    assert "[b]A" in told


def test_the_three_weakest_dimensions_are_named_the_weakest_first(capsys: pytest.CaptureFixture[str]) -> None:
    parts = {"health_adoption": 60.0, "health_billing": 20.0, "health_growth": None, "health_support": 55.0}
    row = {**CALL, **parts, "health_sentiment": 30.0, "health_7d": 1.0, "stage": "adoption", "band": "red"}
    told = words(printed(capsys, "health", [row], bands=[{"band": "red", "accounts": 1}]))
    assert "billing 20, sentiment 30, support 55" in told
    assert "1 account red." in told
    assert "60" not in told


def test_of_many_months_the_first_twelve_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    months = [{"month": f"month {n}", "sentence": "1 account renews."} for n in range(14)]
    told = printed(capsys, "renewals", [], months=months)
    assert "  month 11: " in told
    assert "month 12" not in told
    assert "And 2 months after those." in told
    assert "after those" not in printed(capsys, "renewals", [], months=months[:12])
