"""Groups side by side add up."""

from __future__ import annotations

import re

import pytest

from serving.quarter_page import quarter_html
from tests.serving.quarter_documents import revenue_report, roi_report


def test_groups_add_up_in_every_row() -> None:
    report = revenue_report(by="segment")
    read = quarter_html(roi_report(1), [report])
    (sheet,) = [part for part in read.split("<section") if "<h1>Revenue by segment</h1>" in part]
    table = sheet.split("<table")[1]
    rows = re.findall(r'<tr(?: class="total")?><th scope="row">(.*?)</tr>', table)
    assert len(rows) == 4
    for row in rows:
        cells = [float(c.replace(",", "").replace("\N{MINUS SIGN}", "-")) for c in re.findall(r'"n">([^<]*)</td>', row)]
        assert sum(cells[:-1]) == pytest.approx(cells[-1], abs=5)
