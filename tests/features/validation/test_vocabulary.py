"""Words that features look for and a history does not use are said, once a column, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from features.history import History

COMPANY = {
    "accounts": "account_id, created_on\nA, 2023-01-01",
    "subscriptions": "subscription_id, account_id, plan, mrr, started_on\ns, A, basic, 100, 2023-01-01",
    "usage": "account_id, day, feature, events\nA, 2024-02-01, report, 1",
}


def tickets(*priorities: str) -> dict[str, str]:
    rows = [f"t{n}, A, 2024-01-0{n + 1}, {priority}" for n, priority in enumerate(priorities)]
    return COMPANY | {"tickets": "\n".join(["ticket_id, account_id, opened_at, priority", *rows])}


def test_words_of_another_language_are_said(open_tables: Callable[..., History]) -> None:
    history = open_tables(tickets("hoch", "hoch", "niedrig"))
    (said,) = [w for w in history.report.warnings if w.startswith("tickets")]
    assert said == (
        "tickets: priority holds hoch and niedrig and never high or urgent, which features look for; say what each "
        "word means with values, in [tables.tickets.columns]."
    )


@pytest.mark.parametrize(
    "priorities", [("low", "high"), ("urgent",), ("", "")], ids=["one of them", "another", "none at all"]
)
def test_known_words_and_no_words_are_not(priorities: tuple[str, ...], open_tables: Callable[..., History]) -> None:
    assert open_tables(tickets(*priorities)).report.warnings == []
