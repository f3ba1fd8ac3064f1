"""The printed quarter holds every figure with how it is made, loads nothing, and draws to scale."""

from __future__ import annotations

import copy
import datetime as dt
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from features.history import History
from features.ledger import ledger_of
from serving.quarter.words import amount, figure, safe
from serving.quarter_page import quarter_html
from success.periods import Period
from success.revenue.report import revenue_report as made_revenue
from success.worth import gather
from success.worth import roi_report as made_roi
from success.worth.words import NOT_FOR_PAY
from tests.serving.quarter_documents import csm, metric, revenue_report, roi_report
from tests.success.expectations import make_expectation

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
VOID = {"meta", "br", "line", "circle", "rect", "polyline"}


class _Reader(HTMLParser):
    """What stands in a page: its tags in order, what was left open, its text by sheet, and where links go."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.sheets: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "section":
            self.sheets.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.sheets:
            self.sheets[-1] += data

    def values(self, tag: str, name: str) -> list[str]:
        return [str(found[name]) for kind, found in self.tags if kind == tag and name in found]


@pytest.fixture(scope="module")
def revenues() -> list[dict[str, Any]]:
    earlier = [revenue_report(p, seed=n) for n, p in enumerate(("2024Q3", "2024Q4", "2025Q1", "2025Q2"), 10)]
    return [revenue_report(by="segment"), revenue_report(by="csm"), revenue_report(), *earlier[::-1]]


@pytest.fixture(scope="module")
def page(revenues: list[dict[str, Any]]) -> str:
    return quarter_html(roi_report(), revenues, "Example Software")


def test_the_page_is_well_formed_and_loads_nothing(page: str) -> None:
    read = _Reader(page)
    assert not {"script", "link", "img", "iframe", "object", "form"} & {tag for tag, _ in read.tags}
    assert not [name for _, found in read.tags for name in found if name.startswith("on")]
    assert set(re.findall(r"https?://[^\s\"<]*", page)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in page
    assert "@import" not in page
    assert all(link.startswith("#") for link in read.values("a", "href"))


def test_there_is_a_sheet_for_the_company_for_all_csms_and_for_each(page: str) -> None:
    headings = re.findall(r"<h1>(.*?)</h1>", page)
    csms = [f"CSM C{n:03d}" for n in range(1, 10)]
    groups = ["Revenue by segment", "Revenue by CSM"]
    ends = ["Every figure of the company", "How each figure is made"]
    assert headings == [
        "Example Software",
        "What each CSM\N{RIGHT SINGLE QUOTATION MARK}s book did",
        *csms,
        *groups,
        *ends,
    ]


def test_every_figure_stands_there_with_both_sides_its_unit_and_a_footnote(page: str) -> None:
    (appendix,) = [part for part in page.split("<section") if "Every figure of the company</h1>" in part]
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", appendix)
    told = revenue_report()["total"]["metrics"]
    for one in told.values():
        matching = [
            row
            for row in rows
            if row.startswith(f"{safe(one['title'])}<sup>") and figure(one["value"], one["unit"]) in row
        ]
        assert matching, one["title"]
        assert all(safe(one["unit"]) in row for row in matching)
        if one["denominator"] and one["denominator"] >= 1000:
            assert any(amount(one["denominator"]) in row for row in matching)
    for name, value in revenue_report()["total"]["movement"].items():
        assert any(amount(value) in row for row in rows), name


def test_footnotes_are_numbered_as_they_are_met_and_each_says_a_formula(page: str) -> None:
    read = _Reader(page)
    met = list(dict.fromkeys(int(link.removeprefix("#note-")) for link in read.values("a", "href")))
    assert met == list(range(1, len(met) + 1))
    assert [int(note.removeprefix("note-")) for note in read.values("li", "id")] == met
    notes = re.findall(r'<li id="note-\d+">(.*?)</li>', page)
    assert all(re.search(r"</strong> = \S", note) and "Unit: " in note for note in notes)
    assert sum("Numerator: " in note and "denominator: " in note for note in notes) > 5


def test_the_same_formula_keeps_its_number_and_another_of_the_same_name_has_its_own(page: str) -> None:
    told = re.findall(r'<li id="note-\d+">.*?<strong>(.*?)</strong> = (.*?)\.', page)
    titles = [title for title, _ in told]
    assert len(told) == len(set(told))
    for title in ("Net revenue retention (NRR)", "Customer churn"):
        marked = re.findall(re.escape(title) + r'<sup><a href="#note-(\d+)">', page)
        assert len(marked) > 1
        assert set(marked) == {str(1 + titles.index(title))}
    assert {"Expansion", "Expansion over expectation"} <= set(titles), "what MRR moves by, and what a book grew by"


def test_formulas_that_a_report_brings_go_before_those_of_today() -> None:
    told = roi_report() | {
        "definitions": {"impact_exit": {"title": "Exit impact", "formula": "as it was then", "unit": "money"}}
    }
    assert "<strong>Exit impact</strong> = as it was then. Unit: money." in quarter_html(told)


def test_names_from_data_stay_text(revenues: list[dict[str, Any]]) -> None:
    bad = '<script>alert("x")</script>'
    told = roi_report(2)
    told["csms"][0] = csm(1, csm_id=bad)
    told["csms"][0]["explained"][0] |= {"name": bad, "sentence": f"Paid </td> {bad}"}
    told["notes"] = [bad]
    group = copy.deepcopy(revenues)
    group[0]["groups"][0]["group"] = bad
    shown = quarter_html(told, group, bad)
    assert bad not in shown
    assert shown.count("&lt;script&gt;") >= 6
    _Reader(shown)


def test_what_is_not_defined_says_why() -> None:
    told = quarter_html(roi_report())
    (sheet,) = [part for part in told.split("<section") if "<h1>CSM C009</h1>" in part]
    assert "not defined" in sheet
    assert "no cost of C009 is booked in 2025Q3" in sheet
    assert "nan" not in told.lower().replace("finance", "")


def test_what_to_know_of_a_return_stands_beside_it() -> None:
    """On the sheet of all CSMs and on their own, whether it is defined or not."""
    roi = roi_report(9)
    roi["csms"][0]["roi"]["note"] = note = "Costs of C001 are booked in 2 of 3 months."
    made = quarter_html(roi)
    assert (made.count(note), made.count(f"ROI of C001: {note}")) == (2, 1)
    assert "ROI of C009: Not defined: no cost of C009 is booked in 2025Q3." in made


def test_a_partial_and_reconstructed_period_says_so_on_every_sheet() -> None:
    told = roi_report(2) | {"partial_until": "2025-08-15", "as_of": "2025-08-15", "notes": ["2025Q3 is not over."]}
    read = _Reader(quarter_html(told, [revenue_report()]))
    assert all("partial: known before 15 August 2025" in sheet for sheet in read.sheets)
    assert "2025Q3 is not over." in read.sheets[0]


def test_a_part_of_a_period_is_not_set_beside_a_whole_one() -> None:
    before, whole = revenue_report("2025Q2"), revenue_report()
    shown = _Reader(quarter_html(roi_report(1), [before, whole])).sheets[0]
    assert "in 2025Q2" in shown
    assert "Q3 25*" not in shown
    shown = _Reader(quarter_html(roi_report(1), [before, whole | {"partial_until": "2025-08-15"}])).sheets[0]
    assert "in 2025Q2" not in shown
    assert "Q3 25*" in shown
    assert "of a part of the period only" in shown


def test_no_csm_is_judged_without_the_warning(page: str) -> None:
    read = _Reader(page)
    judged = [sheet for sheet in read.sheets if "CSM C0" in sheet[:80] or "book did" in sheet[:80]]
    assert len(judged) == 10
    assert all(NOT_FOR_PAY in sheet for sheet in judged)
    assert roi_report()["question"] in judged[0]


def test_who_is_told_apart_is_named_and_nobody_else() -> None:
    told = roi_report()
    for one in told["csms"]:
        one |= {"verdict": "cannot be told", "too_small": False}
    told["csms"][3]["verdict"] = "better"
    lead = _Reader(quarter_html(told)).sheets[1]
    assert "C004 did better than the average CSM by more than chance explains. The other 8 cannot be told" in lead
    told["csms"][3]["verdict"] = "cannot be told"
    assert "9 CSMs cannot be told from the average CSM" in _Reader(quarter_html(told)).sheets[1]


def test_a_cut_for_one_csm_tells_of_no_other() -> None:
    told = roi_report() | dict.fromkeys(("company", "nobody", "shift", "ranking"))
    told["csms"] = [told["csms"][4]]
    group = revenue_report(by="csm") | {"total": None}
    group["groups"] = [group["groups"][0] | {"group": "C005"}]
    read = _Reader(quarter_html(told, [group]))
    assert len(read.sheets) == 2
    assert "CSM C005" in read.sheets[0]
    assert "The same book in revenue and care" in read.sheets[0]
    assert not re.search(r"C00[1-46-9]|All books|drawn towards", " ".join(read.sheets))


def test_a_csm_without_a_book_has_a_sheet_without_figures() -> None:
    nothing = {"value": None, "low": None, "high": None}
    empty = csm(1, accounts=0.0, mrr=0.0, impact_exit=nothing, remainder_exit=nothing, saves=nothing, explained=[])
    empty |= {"sentences": ["There is no account in this book."], "changed_hands": [], "notices_withdrawn": []}
    read = _Reader(quarter_html(roi_report(2) | {"csms": [empty, csm(2)]}))
    assert "no book" in read.sheets[1]
    assert "There is no account in this book." in read.sheets[2]
    assert "Exit impact" not in read.sheets[2]


@pytest.mark.parametrize("csms", [0, 1])
def test_few_csms_and_no_revenue_make_a_page(csms: int) -> None:
    told = roi_report(csms) | {"currency": None, "nobody": None}
    for one in told["csms"]:
        one |= {"shift_exit": None, "remainder_exit": {"value": None, "low": None, "high": None}}
    read = _Reader(quarter_html(told))
    assert len(read.sheets) == 3 + csms
    assert "Amounts in" not in read.sheets[0]


def test_a_trend_takes_earlier_periods_of_the_same_length_only(revenues: list[dict[str, Any]]) -> None:
    other = revenue_report("2025Q2") | {"period": "2025-06", "from": "2025-06-01"}
    later = revenue_report("2025Q4")
    first = quarter_html(roi_report(1), [*revenues, other, later]).split("</section>")[0]
    (spoken,) = re.findall(r'aria-label="(Q3 24.*?):', first)
    assert spoken == "Q3 24, Q4 24, Q1 25, Q2 25, Q3 25"


def test_a_share_without_a_value_is_no_number() -> None:
    report = revenue_report()
    report["total"]["metrics"]["nrr"] = metric("NRR", None, "share", note="Not defined: nobody was there.")
    first = _Reader(quarter_html(roi_report(1), [report])).sheets[0]
    assert "not definedNot defined: nobody was there." in first


def test_the_reports_as_they_are_made_fill_the_page(history: History) -> None:
    period, as_of = Period.parse("2024Q4"), dt.date(2025, 3, 1)
    ledger = ledger_of(history, as_of)
    mrr = ledger.mrr_on(period.start - dt.timedelta(days=1))
    mrr = mrr[mrr > 0].head(200)
    frozen = make_expectation(len(mrr), mrr=list(mrr), account_id=list(mrr.index), base=period.start)
    taken = make_expectation(
        len(mrr), mrr=list(mrr), account_id=list(mrr.index), base=dt.date(2024, 7, 1), kind="assignment"
    )
    told = made_roi(gather(history, period, as_of, frozen, taken, ledger)).to_json()
    by_segment = made_revenue(history, period, as_of, "segment", ledger=ledger).to_json()
    page = quarter_html(told, [by_segment])
    read = _Reader(page)
    assert len(read.sheets) == 5 + len(told["csms"])
    assert amount(by_segment["total"]["movement"]["closing"]) in read.sheets[0]
    assert amount(told["company"]["impact_exit"]["value"], sign=True) in read.sheets[0]
    for one, sheet in zip(told["csms"], read.sheets[2:], strict=False):
        assert sheet.count(one["csm_id"]) >= 1
        assert all(safe(row["account_id"]) in sheet for row in one["explained"])
    bare = re.findall(
        r'<th scope="row">([^<]+)</th><td class="n">[^<]*\d', page.split("Every figure of the company</h1>")[1]
    )
    assert bare == [], "a figure without a footnote"


@pytest.mark.skipif(BROWSER is None, reason="needs a browser")
def test_it_prints_on_a4_one_sheet_a_page(tmp_path: Path, revenues: list[dict[str, Any]]) -> None:
    page, printed = tmp_path / "quarter.html", tmp_path / "quarter.pdf"
    whole = [one for one in revenues if not one["by"]]
    page.write_text(quarter_html(roi_report(2), whole, "Example"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [str(BROWSER), *options, "--no-pdf-header-footer", f"--print-to-pdf={printed}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    content = printed.read_bytes()
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content)
    assert {(round(float(w)), round(float(h))) for w, h in boxes} <= {(595, 842), (596, 842), (594, 842), (595, 841)}
    sheets, room = 6, 2  # the last sheets are long, and letters of another machine may be wider
    assert sheets <= len(re.findall(rb"/Type /Page\b", content)) <= sheets + room
