"""The brief as Markdown: nothing from data becomes markup, and no row makes it speak nonsense."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from success.brief.markup import escaped, one_line
from tests.success.account import DRIVERS, FACTS, ROW, read

NASTY = (
    "[click](http://evil.example)", "<img src=x onerror=alert(1)>", "# Heading\n## Another", "a|b|c", "**bold**",
    "`code`", "1. list", "- item", "![x](y)", "&lt;b&gt;", "\u202egnp.exe", "line\r\nbreak",
    "_a_ ~~b~~ $x$",
)  # fmt: skip


@pytest.mark.parametrize("nasty", NASTY)
def test_no_text_from_data_becomes_markup(nasty: str) -> None:
    facts = {
        **FACTS, "plan": nasty, "currency": nasty, "csm": {"id": nasty, "since": "2025-06-01"},
        "contact": {"count_90d": 1, "touches": [{"on": "2026-02-10", "kind": nasty, "csm": nasty}]},
        "sponsors": {"champions": {"count": 1, "ids": [nasty]}, "decision_makers": {"count": 0, "ids": []},
                     "left": [{"id": nasty, "role": nasty, "on": "2026-01-05"}]},
        "exits": [{"reason": nasty, "on": "2026-01-05"}], "tickets": {"open": 2, "worst": nasty, "opened_90d": 0},
        "payments": {"failed_90d": 1, "last_failed_on": "2026-02-27", "reason": nasty},
        "milestones": {"count": 1, "open": [{"name": nasty, "due_on": "2026-02-25"}]},
        "features": {"most": [[nasty, 1]], "unused": [nasty], "unused_count": 1},
        "surveys": {"nps": {"score": 6, "on": "2026-01-09", "role": nasty}},
        "advocacy": {"last_on": "2026-01-09", "kind": nasty, "count_365d": 1},
    }  # fmt: skip
    row = {**ROW, "account_id": nasty, "name": nasty, "segment": nasty, "csm_id": nasty, "plan": nasty, "arm": nasty,
           "health_cell": nasty, "band": nasty, "reason": nasty}  # fmt: skip
    drivers = [{**DRIVERS[0], "sentence": nasty, "dimension": nasty, "peer": {"text": nasty, "of": nasty}}]
    plain, page = read(), read(row, facts, drivers=drivers)
    headings = [sum(line.startswith("#") for line in text.splitlines()) for text in (plain, page)]
    assert headings[0] == headings[1]
    bare = re.sub(r"\\.", "", page)  # what a backslash stands before is shown as it is
    assert not re.search(r"[\[\]<>`*|~$]|&#?\w+;|https?:|\u202e", bare)
    assert all(line.startswith(("# ", "## ", "- ", "As of ")) or not line for line in page.splitlines())
    assert not re.search(r"^- (#|-|\+|\d+[.)] )", page, re.MULTILINE)


@given(st.text(max_size=60))
@examples(max_examples=300, deadline=None, derandomize=True, database=None)
def test_escaping_is_undone_by_dropping_the_backslashes(text: str) -> None:
    line = one_line(text)
    assert "\n" not in line
    assert re.sub(r"\\(.)", r"\1", escaped(line)) == line


ANY = st.one_of(st.none(), st.floats(), st.integers(-(10**6), 10**6), st.booleans(), st.text(max_size=8),
                st.sampled_from(["2026-01-05", "2024-02-29", "9999-12-31", "not a day"]))  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(set(ROW) - {"as_of", "account_id", "reason"})), ANY, max_size=8),
       st.sampled_from(["ok", "stale", "error", "notice_given", "churned", "insufficient_data"]))  # fmt: skip
@examples(max_examples=80, deadline=None, derandomize=True, database=None)
def test_whatever_a_row_holds_there_is_a_page_without_nonsense(changed: dict[str, Any], status: str) -> None:
    page = read({**ROW, **changed, "status": status})
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b|\b1 (points|days|accounts|seats|people)\b", page.replace("\\", ""))
    assert all(line.endswith(".") or line.startswith("#") or not line for line in page.splitlines())
