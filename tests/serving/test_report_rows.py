"""Report rows: what is written is read back, and a spreadsheet runs none of it."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.report_rows import COLUMNS, csv_of


def read(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_has_a_cell_for_each_column() -> None:
    text = csv_of([{"report": "roi", "value": 0.1, "note": 'He said "no", twice\nand left'}, {"metric": "nrr"}])
    assert text.splitlines()[0] == ",".join(COLUMNS)
    first, second = read(text)
    assert (first["report"], float(first["value"]), first["note"]) == ("roi", 0.1, 'He said "no", twice\nand left')
    assert (second["metric"], second["value"], second["low"]) == ("nrr", "", "")
    with pytest.raises(ValueError, match="not in fieldnames"):
        csv_of([{"other": 1}])


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("x")'])
def test_no_text_is_a_formula(text: str) -> None:
    (row,) = read(csv_of([{"group": text}]))
    assert row["group"] == f"'{text}"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_exact_whatever_their_sign(value: float) -> None:
    (row,) = read(csv_of([{"value": value}]))
    assert float(row["value"]) == value
