"""A feature that is declared wrongly is refused in one plain sentence, and one that is declared rightly never is."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from features.algebra import (
    Change,
    Condition,
    Count,
    DaysUntil,
    Distinct,
    Latest,
    LimitShare,
    Mean,
    MedianHours,
    Minus,
    Ratio,
    Regulars,
    State,
    Sum,
    Window,
)
from features.catalogue import CATALOGUE
from features.declaration import SHOWN, STATE
from features.errors import TenureError
from features.feature import Feature
from features.history import History, only
from features.subscriptions import account_states

GOOD = Feature(
    name="late_tickets",
    dimension="support",
    measure=Count(Window("tickets", days=60)),
    unit="tickets",
    show="count|ticket",
    sentence="{value} came in lately, of {tickets_90d}",
    missing="No tickets are on record",
)
TICKETS, USAGE = Window("tickets", days=60), Window("usage", days=28)
USED = Window("usage", days=28, where=(Condition("events", "at least", (1,)),))
ENTITLED = replace(USED, where=(*USED.where, Condition("feature", "entitled")))


def having(*conditions: Any) -> dict[str, Any]:
    return {"measure": Count(Window("tickets", where=conditions))}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a table": ({"measure": Count(Window("ticket"))}, "there is no table ticket; tickets comes closest"),
    "a table of nobody": ({"measure": Count(Window("costs"))}, "table costs has no account_id"),
    "a column": ({"measure": Sum(USAGE, "minute")}, "table usage has no column minute; minutes comes closest"),
    "a column of conditions": (having(Condition("kind", "filled")), "table tickets has no column kind"),
    "a column of state": ({"measure": State("seat")}, "State has no column seat; seats comes closest"),
    "a column in time": ({"measure": Count(Window("tickets", at="priority"))}, "priority of tickets is a text, where"),
    "times": ({"measure": MedianHours(TICKETS, "opened_at", "csat")}, "csat of tickets is a number, where a date"),
    "text added up": ({"measure": Sum(TICKETS, "priority")}, "Sum needs numbers, and priority of tickets is a text"),
    "a mean of text": ({"measure": Mean(TICKETS, "priority")}, "Mean needs numbers"),
    "a ratio of text": ({"measure": Ratio(State("plan"), State("seats"))}, "Ratio needs a number, and State('plan')"),
    "a number for an expression": ({"measure": Ratio(Count(TICKETS), 28)}, "28 is no measure"),
    "days from a number": ({"measure": DaysUntil(State("mrr"))}, "DaysUntil needs a date, and State('mrr') is a num"),
    "unlike things": ({"measure": Minus(State("as_of"), State("mrr"))}, "Minus cannot take a date and a number"),
    "a window alone": ({"measure": TICKETS}, "a window of tickets is no measure by itself"),
    "no window": ({"measure": Count("tickets")}, "Count needs a window, as in Count(Window("),
    "a column of rows": ({"name": "as_of"}, "rows have a column of that name already"),
    "an age of days": ({"measure": Count(Window("tickets", days=10**12))}, "of at least 1 and at most 36500"),
    "no days": ({"measure": Count(Window("tickets", days=0))}, "days = 0, which must be a whole number of at least 1"),
    "days behind": ({"measure": Count(Window("tickets", until=-1))}, "until = -1, which must be a whole number of at"),
    "half days": ({"measure": Count(Window("tickets", days=1.5))}, "days = 1.5"),
    "no tuple of conditions": ({"measure": Count(Window("tickets", where=Condition("csat", "filled")))}, "where is a"),
    "no tuple of values": (having(Condition("priority", "in", "high")), "values of priority are a tuple"),
    "no values": (having(Condition("priority", "in")), '"in" on priority of tickets needs the values'),
    "a test": (having(Condition("priority", "is", ("high",))), 'there is no test "is" of priority'),
    "at least of text": (having(Condition("priority", "at least", (2,))), "needs a column of numbers and one number"),
    "due that is no date": (having(Condition("csat", "due")), "needs a date, and csat is a number"),
    "role of a ticket": (having(Condition("priority", "role")), "is asked of user_id"),
    "a word that never comes": (
        {"measure": Count(Window("subscriptions", where=(Condition("end_reason", "in", ("involuntry",)),)))},
        "end_reason of subscriptions is never involuntry; involuntary comes closest",
    ),
    "entitled events": ({"measure": Sum(ENTITLED, "events")}, '"entitled" can be asked of Distinct features'),
    "regulars of features": ({"measure": Regulars(USED, "feature", 3)}, "Regulars counts user_id over at most 60 days"),
    "limits of rows of 0": ({"measure": LimitShare(USAGE)}, "LimitShare needs a number of days of usage rows with at"),
    "a text as number": ({"measure": Latest(TICKETS, "priority")}, 'is a text, which does not go with kind = "number"'),
    "a number as text": ({"kind": "category"}, 'is a number, which does not go with kind = "category"'),
    "a name": ({"name": "Late tickets"}, "a name is small letters, digits and underscores"),
    "a name twice": ({"name": "tickets_90d"}, "Two features are called tickets_90d"),
    "a dimension": ({"dimension": "suport"}, 'there is no dimension "suport"; there are adoption, engagement'),
    "a way of writing": ({"show": "per cent"}, 'show = "per cent" is no way of writing a value; percent comes closest'),
    "words of writing": ({"show": "count"}, 'show = "count" lacks words, as in "count|word"'),
    "bounds": ({"low": 3, "high": 2}, "low = 3 must lie below high = 2"),
    "a direction": ({"good": "up"}, 'good = "up" must be high, low or neither'),
    "another feature": ({"sentence": "{value} of {tickets_9d}"}, "speaks of {tickets_9d}, which is no feature"),
    "no value": ({"sentence": "Tickets came in"}, "its sentence does not show the value"),
    "a brace": ({"sentence": "{value} of {tickets_90d"}, "has a brace without its fellow"),
    "nothing of what is missing": ({"missing": " "}, "missing is empty"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_declaration_is_refused_in_one_sentence(what: str) -> None:
    change, said = WRONG[what]
    with pytest.raises(TenureError, match=re.escape(said)) as refusal:
        CATALOGUE.with_(replace(GOOD, **change))
    text = str(refusal.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text) < 300
    assert change.get("name", GOOD.name) in text


def test_a_catalogue_with_one_more_and_one_fewer() -> None:
    more = CATALOGUE.with_(GOOD)
    assert more.names.index("late_tickets") == max(more.names.index(f.name) for f in more if f.dimension == "support")
    assert more.without("late_tickets") == CATALOGUE
    assert len({more.hash, CATALOGUE.hash, CATALOGUE.without("plan").hash}) == 3
    with pytest.raises(TenureError, match="There is no feature plam to leave out"):
        CATALOGUE.without("plam")
    with pytest.raises(
        TenureError, match=r"active_users_28d: its sentence speaks of \{active_users_before\}, which is"
    ):
        CATALOGUE.without("active_users_before")


def test_the_columns_of_state_are_those_of_the_account_states(
    company: ModuleType, oracle: ModuleType, fresh_folder: Callable[[], Path]
) -> None:
    from random import Random

    day = dt.date(2024, 5, 31)
    history = History.open(company.write(company.make(Random(3), day, accounts=3), fresh_folder()))
    columns = history.con.execute(f"DESCRIBE SELECT * FROM {account_states(history, only(day))}").fetchall()
    kinds = {"DATE": "date", "VARCHAR": "text"}
    found = {name: kinds.get(kind, "number") for name, kind, *_ in columns if not kind.endswith("[]")}
    assert found == STATE


def test_the_ways_of_writing_are_those_of_the_sentences() -> None:
    from training.kernel.sentences import shown, ways_are_known

    for way, least in SHOWN.items():
        for words in range(4):
            show = "|".join([way, *["word"] * words])
            assert ways_are_known(show) == (words >= least)
        assert shown("|".join([way, *["word"] * least]), 2.0)


@pytest.mark.parametrize("measure", [Change(Distinct(USED, "user_id"), Count(TICKETS)), LimitShare(USED)], ids=repr)
def test_what_is_right_passes(measure: Any) -> None:
    assert "late_tickets" in CATALOGUE.with_(replace(GOOD, measure=measure))
