"""The HTML page: everything escaped, nothing loaded, every tag closed."""

from __future__ import annotations

import datetime as dt
from html.parser import HTMLParser

import pytest

from features.validation.page import report_page
from features.validation.report import Disagreement, Example, Finding, Leak, Leaks, Report, TableReport

EVIL = "<script>alert('x')</script>&\""
VOID = {"meta", "!doctype", "br"}


class Reader(HTMLParser):
    """Checks that tags nest, and keeps the text and the attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


@pytest.fixture
def report() -> Report:
    return Report(
        tables=[TableReport("usage", EVIL, 12_345, [EVIL]), TableReport("accounts", "accounts.csv", 3, [])],
        findings=[
            Finding("usage", EVIL, 7, tuple(Example(n, EVIL, {EVIL: EVIL, "n": None}) for n in (1, 2, 3))),
            Finding("usage", "broken line", 1, (Example(None, EVIL, EVIL),)),
        ],
        failing={"usage": 8},
        disagreements=[Disagreement(("usage", EVIL), EVIL, 2, 9, EVIL, EVIL, (EVIL,))],
        leaks=Leaks([Leak(EVIL, EVIL, EVIL, EVIL)], EVIL),
        notes=[EVIL],
        warnings=[EVIL],
    )


def test_every_value_is_escaped(report: Report) -> None:
    page = report_page(report, EVIL, refusal=EVIL, fingerprint=EVIL)
    reader = read(page)
    assert "script" not in reader.tags
    assert EVIL in "".join(reader.text)
    assert not [name for name, _ in reader.attributes if name.startswith("on")]


def test_nothing_is_loaded_from_anywhere(report: Report) -> None:
    reader = read(report_page(report, "company"))
    assert not {"script", "link", "img", "iframe", "object"} & set(reader.tags)
    assert not [value for name, value in reader.attributes if name in ("src", "srcset")]
    assert all((value or "").startswith("#") for name, value in reader.attributes if name == "href")
    assert "url(" not in report_page(report, "company")


def test_links_lead_somewhere_and_tables_have_captions_and_heads(report: Report) -> None:
    reader = read(report_page(report, "company"))
    ids = [value for name, value in reader.attributes if name == "id"]
    assert [f"#{i}" for i in ids] == [value for name, value in reader.attributes if name == "href"]
    assert reader.tags.count("caption") == reader.tags.count("table") == 3
    assert reader.tags.count("th") == sum(name == "scope" for name, _ in reader.attributes)
    assert ("lang", "en") in reader.attributes


def test_it_says_what_a_reader_in_a_hurry_needs(report: Report) -> None:
    days = dt.date(2024, 1, 1), dt.date(2024, 6, 1)
    text = "".join(read(report_page(report, "company", observed=days)).text)
    assert "Check of company" in text
    assert "Observed from 2024-01-01 until 2024-06-01" in text
    assert "8 rows are set aside; tables disagree on 1 point; there is 1 possible leak." in text
    assert "7 rows, the first 3 shown" in text
    assert "12,345" in text
    refused = "".join(read(report_page(report, "company", refusal="Table usage cannot be relied on.")).text)
    assert "Table usage cannot be relied on." in refused


def test_nothing_found_is_said() -> None:
    text = "".join(read(report_page(Report(leaks=Leaks([], "All was tried.")), "company")).text)
    assert "No row is set aside." in text
    assert "None found in what was looked at." in text
    assert "All was tried." in text
    assert "They were not looked for." in "".join(read(report_page(Report(), "company")).text)
