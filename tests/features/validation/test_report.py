"""The report's numbers, its examples and its JSON."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from features.history import History
from features.settings import load_settings
from features.validation.disagreements import find_disagreements
from features.validation.leaks import find_leaks
from features.validation.report import Example, printable, row_pairs

Open = Callable[..., History]
COMPANY = {
    "accounts": "account_id, created_on\nA, 2024-01-01",
    "subscriptions": "subscription_id, account_id, plan, started_on, mrr\nsA, A, pro, 2024-01-01, 10",
    "usage": "account_id, day, feature, events\nA, 2024-02-01, report, 1",
}


def examined(history: History) -> History:
    history.report.read_examples(history.con, history.sources)
    return history


def test_three_examples_of_each_kind_with_the_row_as_it_came(open_tables: Open) -> None:
    usage = COMPANY["usage"] + "\nA, 2024-02-30, report, 1" + "\nA, 2024-02-02, report, -7" * 5
    [range_, kind] = examined(open_tables(COMPANY | {"usage": usage})).report.findings
    assert (range_.rule, range_.rows, [e.row for e in range_.examples]) == ("out of range", 5, [3, 4, 5])
    assert range_.examples[0].reason == "events is -7"
    assert range_.examples[0].content == {"account_id": "A", "day": "2024-02-02", "feature": "report", "events": "-7"}
    assert (kind.rule, kind.rows, len(kind.examples)) == ("wrong type", 1, 1)
    assert kind.example == 'day is "2024-02-30", which is not a date'


@pytest.mark.parametrize(
    ("table", "head", "row", "said"),
    [
        ("usage", "account_id, day, feature, events", "A, 2024-02-01, report, many",
         'events is "many", which is not a whole number'),
        ("usage", "account_id, occurred_at, feature, events", "A, noon, report, 1",
         'occurred_at is "noon", which is not a date'),
        ("payments", "invoice_id, account_id, attempted_at, succeeded", "i, A, 2024-02-01, maybe",
         'succeeded is "maybe", which is not true or false'),
        ("subscriptions", "subscription_id, account_id, plan, started_on, mrr", "s, A, pro, 2024-01-01, ten",
         'mrr is "ten", which is not a number'),
        ("usage", "account_id, day, feature, events, recorded_at", "A, 2024-02-01, report, 1, late",
         'recorded_at is "late", which is not a time'),
    ],
)  # fmt: skip
def test_a_wrong_value_is_quoted(table: str, head: str, row: str, said: str, open_tables: Open) -> None:
    [finding] = examined(open_tables(COMPANY | {table: f"{head}\n{row}"})).report.findings
    assert finding.example == said


def test_a_mapped_value_is_quoted_and_the_row_is_the_companys(fresh_folder: Callable[[], Path]) -> None:
    folder = fresh_folder()
    for name, text in COMPANY.items():
        (folder / f"{name}.csv").write_text(text.replace(", ", ",") + "\n")
    (folder / "usage.csv").unlink()
    (folder / "clicks.csv").write_text("customer,when,what,n\nA,2024-02-01,report,1\nA,someday,report,1\n")
    (folder / "tenure.toml").write_text(
        '[tables.usage]\nsource = "clicks"\n[tables.usage.columns]\n'
        'account_id = "customer"\nday = "when"\nfeature = "what"\nevents = "n"\n'
    )
    history = examined(History.open(folder, load_settings(folder / "tenure.toml")))
    [example] = history.report.findings[0].examples
    assert example.reason == 'day is "someday", which is not a date'
    assert example.content == {"customer": "A", "when": "someday", "what": "report", "n": "1"}


def test_a_broken_line_is_its_own_example(open_tables: Open) -> None:
    usage = COMPANY["usage"] + "\nA, 2024-02-11" + "\nA, 2024-02-01, report, 1" * 5
    [finding] = examined(open_tables(COMPANY | {"usage": usage})).report.findings
    assert (finding.rule, finding.examples[0].row) == ("broken line", None)
    assert finding.examples[0].content == "A,2024-02-11"


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_the_quarantine(
    seed: int, company: ModuleType, upheaval: ModuleType, fresh_folder: Callable[[], Path]
) -> None:
    rng, day = Random(seed), dt.date(2024, 5, 31)
    tables = upheaval.rewrite(rng, company.make(rng, day), day, company.EVENT, True)
    history = examined(History.open(company.write(tables, fresh_folder())))
    aside = history.quarantine()
    rows = {(e["table"], e["rule"], e["row"], None if e["row"] else n) for n, e in enumerate(aside)}
    by_rule = Counter((table, rule) for table, rule, *_ in rows)
    assert {(f.table, f.rule): f.rows for f in history.report.findings} == by_rule
    by_table = Counter(table for table, _ in {(e["table"], e["row"] or -n) for n, e in enumerate(aside)})
    assert history.report.failing == by_table
    places = {(e["table"], e["rule"], e["row"]) for e in aside}
    for finding in history.report.findings:
        assert 1 <= len(finding.examples) <= 3
        assert all((finding.table, finding.rule, e.row) in places for e in finding.examples)
        assert all(e.content is not None for e in finding.examples)


def test_the_json_holds_all_of_it_and_what_it_held(open_tables: Open) -> None:
    tables = COMPANY | {
        "usage": COMPANY["usage"] + "\nA, 2024-02-01, report, -1",
        "churns": "account_id, churned_on\nA, 2024-01-20",
    }
    history = examined(open_tables(tables))
    history.report.disagreements, history.report.leaks = find_disagreements(history), find_leaks(history)
    told = json.loads(json.dumps(history.report.to_json(), allow_nan=False))
    [usage] = [t for t in told["tables"] if t["table"] == "usage"]
    assert (usage["rows"], usage["set_aside"], usage["source"], usage["unknown_columns"]) == (2, 1, "usage.csv", [])
    [rule] = usage["rules"]
    assert (rule["rule"], rule["rows"], rule["example"]) == ("out of range", 1, "events is -1")
    assert rule["examples"][0]["content"]["events"] == "-1"
    assert told["disagreements"][0]["tables"] == ["churns", "subscriptions"]
    assert (told["leaks"], "too few" in told["leaks_judged"]) == ([], True)
    assert set(told) >= {"notes", "warnings"}


def test_a_value_moves_no_cursor() -> None:
    assert printable("a\x1b[2Jb\nc") == "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c"
    [(name, value)] = row_pairs(Example(1, "", {"x\r": "y" * 99}))
    assert name == "x\N{REPLACEMENT CHARACTER}"
    assert value == "y" * 57 + "..."
