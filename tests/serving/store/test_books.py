"""Books: what a run's rows say, by columns; the same whether it was stored or is made anew; damage is found."""

from __future__ import annotations

import datetime as dt
import json
import logging
import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import serving.store.writing as writing
from serving.layout import table_of
from serving.store.address import address_of
from serving.store.books import APART, FACTUAL, TOP, checksum_of, packed_book, top_of, unpacked_book
from serving.store.errors import StoreError
from serving.store.reading import Run
from serving.store.rendering import Day
from serving.store.store import Store
from serving.store.writing import write_day
from success.book import FEATURES

DAY = dt.date(2026, 2, 1)
Frames = Callable[..., pd.DataFrame]
GIVEN = pd.DataFrame(
    {"not_in_a_book": [1.0, 2.0, 3.0], FEATURES[0]: [0.1, np.nan, np.inf], FEATURES[1]: [True, None, False]},
    index=["a-2", "a-0", "nobody"],
)


def newest(store: Store) -> Run:
    run = store.latest()
    assert run is not None
    return run


def said(value: Any) -> Any:
    """A cell of a book as JSON would say it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    assert not isinstance(value, float) or math.isfinite(value)
    return value.isoformat() if isinstance(value, dt.date) else value


def assert_says(book: pd.DataFrame, figures: dict[str, dict[str, Any]]) -> None:
    """Every figure of every row stands in the book, and each column has a type."""
    assert book["account_id"].tolist() == sorted(figures)
    for name in book.columns:
        if book[name].dtype == object:
            kinds = {type(cell) for cell in book[name]} - {type(None)}
            assert kinds <= {str} or kinds <= {dt.date}, name
        else:
            assert book[name].dtype == np.float64, name
    for row in book.to_dict("records"):
        told = figures[row["account_id"]]
        assert {name: said(row[name]) for name in told} == told
        assert set(row) - {*FACTUAL} == {*told, "top", *(f"f_{name}" for name in FEATURES)}


def figures_of(store: Store, run: Run, ids: list[str]) -> dict[str, dict[str, Any]]:
    return {account: json.loads(row.figures) for account, row in store.rows(run, ids).items()}


def test_a_book_says_what_the_rows_say(store: Store, make_frame: Frames, make_rule_frame: Frames) -> None:
    for n, frame in enumerate((make_frame(), make_frame(expansion=True), make_rule_frame())):
        day = DAY + dt.timedelta(days=n)
        frame = frame.assign(
            as_of=day,
            plan=pd.Categorical(["basic", None, "pro", "pro", 'it\'s "x"', "\U0001f600"]),
            seats=np.arange(6),
            strange=[Decimal("0.1"), None, Decimal("NaN"), Decimal("2"), Decimal("3"), Decimal("4")],
            untold=None,
            listed_since=[dt.date(2026, 1, 5), None, None, None, None, None],
            list_rank=pd.array([1, None, 2, None, None, None], dtype="Int32"),
        )
        write_day(store, frame.sample(frac=1, random_state=1), day)
        run = newest(store)
        book = store.book(run)
        assert_says(book, figures_of(store, run, frame["account_id"].tolist()))
        assert book["listed_since"].tolist() == [dt.date(2026, 1, 5), *[None] * 5]
        assert book["as_of"].tolist() == [day] * 6


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ['"quoted"', "emoji \U0001f600", "nul\x00", "2026-02-01", "null", "", "NaN", "{}"]
)
NUMBERS = st.floats() | st.just(math.nan) | st.none()
DAYS = st.dates() | st.none()


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXTS | st.none(), NUMBERS, DAYS, TEXTS), min_size=1, max_size=5))
def test_a_book_comes_back_whatever_its_cells_hold(make_frame: Frames, cells: list[tuple[Any, ...]]) -> None:
    texts, numbers, days, ids = [list(part) for part in zip(*cells, strict=True)]
    frame = make_frame(accounts=len(cells)).assign(
        account_id=[f"{text}{n}".replace("\x00", "") for n, text in enumerate(ids)],
        name=pd.Series(texts, dtype=object),
        further=pd.Series(texts, dtype=object),
        health=pd.Series(numbers, dtype=float),
        rule_scores=pd.Series([None if text is None else json.dumps([text]) for text in texts], dtype=object),
        pulse_on=pd.Series(days, dtype=object),
        when=pd.Series(days, dtype=object),
    )
    day = Day(frame, DAY, None)
    book = unpacked_book(day.book, checksum_of(day.book))
    assert_says(book, {row["account_id"]: json.loads(row["figures"]) for row in day.rows})


def test_features_stand_beside_the_figures(store: Store, make_frame: Frames) -> None:
    write_day(store, make_frame(), DAY, GIVEN)
    book = store.book(newest(store)).set_index("account_id")
    assert (book.loc["a-2", f"f_{FEATURES[0]}"], book.loc["a-2", f"f_{FEATURES[1]}"]) == (0.1, 1.0)
    assert book.drop("a-2")[f"f_{FEATURES[0]}"].isna().all()
    assert "f_not_in_a_book" not in book.columns
    assert "nobody" not in book.index
    assert all(book[f"f_{name}"].dtype == np.float64 for name in FEATURES)


def test_the_largest_drivers_stand_in_it(store: Store, make_frame: Frames) -> None:
    frame = make_frame()
    write_day(store, frame, DAY)
    book = store.book(newest(store)).set_index("account_id")
    for account, text in zip(frame["account_id"], frame["drivers"], strict=True):
        if not isinstance(text, str):
            assert book.loc[account, "top"] is None
            continue
        drivers = json.loads(text)
        top = json.loads(book.loc[account, "top"])
        assert len(drivers) > len(top) == TOP
        rest = [driver for driver in drivers if driver not in top]
        assert [driver for driver in drivers if driver in top] != top, "they were not stored in this order"
        sizes = [abs(driver["points"]) for driver in top]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[-1] >= max(abs(driver["points"]) for driver in rest)


ITEM = st.fixed_dictionaries(
    {"sentence": st.sampled_from(['"points": 9', "a } and a {", "[", ""]), "points": st.floats(-1, 1)},
    optional={"peer": st.just({"value": 1.0, "text": '"points": 3'}), "more": st.just({"points": 0.5})},
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(ITEM, max_size=8), st.booleans(), st.sampled_from([None, (",", ":")]))
def test_the_largest_are_the_largest(items: list[dict[str, Any]], in_order: bool, separators: Any) -> None:
    expected = sorted(items, key=lambda item: -abs(item["points"]))
    text = json.dumps(expected if in_order else items, separators=separators)
    assert json.loads(top_of(text)) == expected[:TOP]


def test_a_run_without_a_book_makes_the_same_of_its_rows(
    store: Store, make_frame: Frames, make_rule_frame: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.store.reading._BATCH", 4)
    for n, frame in enumerate((make_frame(expansion=True), make_rule_frame())):
        day = DAY + dt.timedelta(days=n)
        # The first rows by number have no name: a part's column without a value has the type of the others'.
        names = [None, None, None, None, "x", None]
        ids = ["b", "a", "Z", "é", "\U0001f600", "_"]
        frame = frame.assign(as_of=day, name=names, untold=None, segment=None, account_id=ids)
        write_day(store, frame, day, GIVEN.set_axis(["a", "Z", "nobody"]))
        run = newest(store)
        stored = store.book(run)
        with store.writing() as connection:
            connection.execute(sa.text("DELETE FROM tenure_books"))
        pd.testing.assert_frame_equal(store.book(run), stored)
        assert_says(stored, figures_of(store, run, ids))


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:-9], lambda whole: b"", lambda whole: whole[:99] + b"?" + whole[100:]]
)
def test_a_damaged_book_is_made_anew(
    store: Store, make_frame: Frames, caplog: pytest.LogCaptureFixture, damage: Callable[[bytes], bytes]
) -> None:
    write_day(store, make_frame(), DAY, GIVEN)
    run = newest(store)
    whole = store.book(run)
    with store.writing() as connection:
        content = bytes(connection.scalar(sa.text("SELECT content FROM tenure_books")))
        connection.execute(sa.text("UPDATE tenure_books SET content = :it"), {"it": damage(content)})
    with caplog.at_level(logging.ERROR, "tenure.store"):
        pd.testing.assert_frame_equal(store.book(run), whole)
    assert "the book of 2026-02-01 is damaged" in caplog.text


def test_some_columns_are_those_of_the_book(store: Store, make_frame: Frames, monkeypatch: pytest.MonkeyPatch) -> None:
    write_day(store, make_frame(), DAY, GIVEN)
    run = newest(store)
    wanted = ["mrr", "account_id", "csm_id", "nowhere", "renews_on"]
    expected = store.book(run)[["mrr", "account_id", "csm_id", "renews_on"]]
    for damage in (False, True):
        if damage:
            with store.writing() as connection:
                connection.execute(sa.text("UPDATE tenure_books SET checksum = checksum + 1"))
        else:
            monkeypatch.setattr("serving.store.store.rebuilt", None)
        found = store.columns(run, wanted)
        assert found is not None
        pd.testing.assert_frame_equal(found, expected)
        monkeypatch.undo()
    with store.writing() as connection:
        connection.execute(sa.text("DELETE FROM tenure_books"))
    assert store.columns(run, wanted) is None


def test_the_arm_and_the_rules_come_back_from_the_facts(store: Store, make_frame: Frames) -> None:
    """Nobody must be told of an account in a control arm because a book was damaged."""
    frame = make_frame()
    arms = pd.Series([None, "control", *[None] * (len(frame) - 2)], dtype=object)
    scores = pd.Series(['[{"name":"a","score":1.5}]', *[None] * (len(frame) - 1)], dtype=object)
    facts = {
        account: {"arm": arm, "rule_scores": None if told is None else json.loads(told)}
        for account, arm, told in zip(frame["account_id"], arms, scores, strict=True)
    }
    write_day(store, frame.assign(arm=arms, rule_scores=scores), DAY, None, facts)
    run = newest(store)
    stored = store.book(run)
    with store.writing() as connection:
        connection.execute(sa.text("DELETE FROM tenure_books"))
    for book in (stored, store.book(run)):
        by_account = book.set_index("account_id").reindex(frame["account_id"])
        assert by_account["arm"].tolist() == arms.tolist()
        assert by_account["rule_scores"].tolist() == scores.tolist()
    assert all("arm" not in json.loads(row.figures) for row in store.rows(run, frame["account_id"].tolist()).values())


def test_rows_that_are_damaged_too_are_said_so(tmp_path: Path, make_frame: Frames) -> None:
    with Store.open(address_of(tmp_path)) as store:
        write_day(store, make_frame(), DAY)
        with store.writing() as connection:
            connection.execute(sa.text("DELETE FROM tenure_books"))
            connection.execute(sa.text("UPDATE tenure_scores SET drivers = x'0102' WHERE account_id = 'a-1'"))
        with pytest.raises(StoreError, match=r"^The score store holds a row that cannot be read"):
            store.book(newest(store))


def test_any_bit_that_is_lost_is_noticed(make_frame: Frames) -> None:
    content = Day(make_frame(), DAY, None).book
    for place in range(0, len(content), 97):
        broken = bytearray(content)
        broken[place] ^= 1 << place % 8
        with pytest.raises(ValueError, match="not those that were stored"):
            unpacked_book(bytes(broken), checksum_of(content))


def test_the_book_is_written_with_its_run_or_not_at_all(
    store: Store, make_frame: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: bytes) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "checksum_of", full)
    with pytest.raises(KeyboardInterrupt):
        write_day(store, make_frame(), DAY)
    assert store.latest() is None
    monkeypatch.undo()
    for _ in range(2):
        write_day(store, make_frame(), DAY)
    write_day(store, make_frame(version="4"), DAY)
    with store.reading() as connection:
        told = connection.execute(sa.text("SELECT run_id FROM tenure_books ORDER BY run_id")).scalars().all()
        assert told == connection.execute(sa.text("SELECT id FROM tenure_runs ORDER BY id")).scalars().all()
        assert len(told) == 2


def test_a_run_that_is_deleted_takes_its_book_along(store: Store, make_frame: Frames) -> None:
    write_day(store, make_frame(), DAY)
    with store.writing() as connection:
        connection.execute(sa.text("DELETE FROM tenure_scores"))
        connection.execute(sa.text("DELETE FROM tenure_runs"))
        assert connection.scalar(sa.text("SELECT count(*) FROM tenure_books")) == 0


def test_a_book_is_small_beside_its_rows(make_frame: Frames) -> None:
    frame = make_frame(accounts=500)
    day = Day(frame, DAY, None)
    stored = sum(len(row["figures"]) + len(row["drivers"] or b"") for row in day.rows)
    assert len(day.book) < stored / 3


def test_columns_apart_are_not_in_it(make_frame: Frames) -> None:
    table = table_of(make_frame(expansion=True), DAY)
    content = packed_book(table, None)
    book = pa.parquet.read_table(pa.BufferReader(content))
    assert not {*APART} & {*book.column_names}
    assert {*table.column_names} - {*book.column_names} == {*APART} - {"tables"}
