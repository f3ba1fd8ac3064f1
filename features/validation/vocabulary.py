"""Vocabulary: words that features look for and that a history does not use, so that they would count nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from features.algebra import Condition, Window
from features.casting import quoted
from features.catalogue import CATALOGUE
from features.contract import CONTRACT

if TYPE_CHECKING:
    from features.history import History

__all__ = ["foreign_words"]


def foreign_words(history: History) -> list[str]:
    """One sentence for each column of words none of which is one that features look for."""
    said = []
    for (table, column), words in sorted(_looked_for().items()):
        if column not in history.columns.get(table, ()):
            continue
        used = [
            str(value)
            for (value,) in history.con.execute(
                f"SELECT {quoted(column)} FROM {quoted(table)} WHERE {quoted(column)} IS NOT NULL "
                f"GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 20"
            ).fetchall()
        ]
        if used and not words & set(used):
            said.append(
                f"{table}: {column} holds {_listed(used[:5])} and never {_listed(sorted(words), 'or')}, which features "
                f"look for; say what each word means with values, in [tables.{table}.columns]."
            )
    return said


def _looked_for() -> dict[tuple[str, str], set[str]]:
    """By table and text column the words that conditions of the catalogue name."""
    found: dict[tuple[str, str], set[str]] = {}
    for feature in CATALOGUE:
        for window in _windows(feature.measure):
            for test in window.where:
                table, column = ("users", "role") if test.test == "role" else (window.table, test.column)
                if test.test in ("in", "role") and CONTRACT[table].by_name[column].kind == "text":
                    found.setdefault((table, column), set()).update(str(v) for v in test.values)
    return {key: words for key, words in found.items() if words}


def _windows(part: Any) -> Iterator[Window]:
    if isinstance(part, Window):
        yield part
    elif dataclasses.is_dataclass(part) and not isinstance(part, Condition):
        for field in dataclasses.fields(part):
            yield from _windows(getattr(part, field.name))


def _listed(words: list[str], last: str = "and") -> str:
    """Words as a list in a sentence.

    >>> _listed(["a", "b", "c"], "or")
    'a, b or c'
    """
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else words[0]
