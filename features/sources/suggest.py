"""Suggest: drafts a tenure.toml for foreign tables, saying how sure it is of each line and what it did not find."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from features.casting import quoted
from features.contract import CONTRACT, END_REASONS
from features.sources.dialect import Dialect
from features.sources.find import open_place, shown
from features.sources.mapping import readable_columns
from features.sources.matching import Found, Match, match_tables
from features.sources.profile import ColumnProfile, TableProfile, profile_tables

__all__ = ["suggest"]

_UNITS = {
    ("minutes", r"(^|[^a-z])(milliseconds?|millis|ms)([^a-z]|$)"): (1 / 60000, "milliseconds made minutes"),
    ("minutes", r"(^|[^a-z])(seconds?|secs?|s)([^a-z]|$)"): (1 / 60, "seconds made minutes"),
    ("minutes", r"(^|[^a-z])(hours?|hrs?|h)([^a-z]|$)"): (60.0, "hours made minutes"),
    ("mrr", r"(^|[^a-z])(arr|annual|annually|yearly|year)([^a-z]|$)"): (1 / 12, "a year's money made a month's"),
    ("mrr", r"(^|[^a-z])(cents?)([^a-z]|$)"): (0.01, "cents made whole"),
    ("amount", r"(^|[^a-z])(cents?)([^a-z]|$)"): (0.01, "cents made whole"),
    ("term_months", r"(^|[^a-z])(years?)([^a-z]|$)"): (12.0, "years made months"),
}
_TERMS = {"month": "1", "quarter": "3", "half": "6", "semi": "6", "year": "12", "annual": "12", "bienn": "24"}
_REASONS = {
    "superseded": "upgrad downgrad chang switch supersed migrat replac plan",
    "involuntary": "payment card nonpay non-pay dunning involunt fraud insolv bankrupt failed",
    "merged": "merge merging acquir duplicate",
    "completed": "complet expired-project project finished term-end",
}


def suggest(location: Path | str) -> str:
    """A draft of tenure.toml for what stands at a location.

    Parameters
    ----------
    location : a folder, a DuckDB file or the URL of a database.

    Returns
    -------
    TOML text that `load_settings` reads; what needs a decision stands in comments.

    Raises
    ------
    TenureError : the location cannot be opened.
    """
    place = open_place(location)
    try:
        profiles, refusals = profile_tables(place)
    finally:
        place.close()
    matches = match_tables(profiles)
    lines = [
        f"# A draft for {Path(shown(location)).name}, made from names and contents of its tables: read every line.",
        "# sure, likely, guess: how well name and content agree. What has the contract's name already is not listed.",
        f"# Next: tenure check {shlex.quote(shown(location))} --config THIS_FILE",
    ]
    lines += [f"# Left out: {refusal}" for refusal in refusals]
    missing = [t for t, spec in CONTRACT.items() if spec.required and t not in matches]
    for table in missing:
        lines += _skeleton(table)
    for table, match in list(matches.items()):
        draft = _Draft(match, matches)
        drafted = draft.lines()
        if draft.lacking and not CONTRACT[table].required:
            # A section that lacks what is needed would stop the company as a whole.
            lacking = ", ".join(draft.lacking)
            lines += ["", f"# {match.profile.name} may be table {table}, but nothing in it is {lacking}; left out."]
            del matches[table]
        else:
            lines += ["", *drafted]
    used = {m.profile.name for m in matches.values()}
    if unused := [p.name for p in profiles if p.name not in used]:
        lines += [
            "",
            f"# No table of the contract was recognised in: {', '.join(unused)} (names are compared in English).",
        ]
        lines += [f"#   {p.name}: {', '.join(p.columns)}" for p in profiles if p.name in unused]
    for profile in profiles:  # a foreign table must not be taken for a table of the contract by its name alone
        if profile.name.lower() in CONTRACT and profile.name.lower() not in matches:
            lines += [f"[tables.{profile.name.lower()}]", "source = false  # has this name, but not the columns"]
    absent = [t for t in CONTRACT if t not in matches and t not in missing]
    if absent:
        lines += ["", f"# Not there, so what they would tell is missing: {', '.join(absent)}."]
    return "\n".join(lines) + "\n"


def _skeleton(table: str) -> list[str]:
    """What is to be filled in for a needed table that nothing looks like."""
    needed = [c.name for c in CONTRACT[table].columns if c.required]
    return [
        "",
        f"# NOT FOUND: table {table}, which is needed; fill in and uncomment, or give the table as sql.",
        f"# [tables.{table}]",
        '# source = "THE FILE OR TABLE"',
        f"# [tables.{table}.columns]",
        *(f'# {name} = "ITS COLUMN"' for name in needed),
    ]


class _Draft:
    """The section of one table."""

    def __init__(self, match: Match, matches: dict[str, Match]) -> None:
        self.match, self.matches = match, matches
        self.profile: TableProfile = match.profile
        self.table = match.table
        self.shown: set[str] = set()
        self.lacking: list[str] = []

    def lines(self) -> list[str]:
        head = [f"[tables.{self.table}]  # {self.profile.rows:,} rows seen"]
        if self.profile.name.lower() != self.table:
            head.append(f"source = {_text(self.profile.name)}  # {_sureness(self.match.score)}")
        head += self._writing(self.profile.dialect)
        body: list[str] = []
        for column in readable_columns(self.table).values():
            line = self._column(column.name)
            if line:
                body.append(line)
        lines = head + ([f"[tables.{self.table}.columns]", *body] if body else [])
        used = {f.column for f in self.match.columns.values()} | self.shown
        unused = [c for c in self.profile.columns if c not in used]
        if unused:
            lines.append(f"# Not used: {', '.join(unused)}.")
        return lines

    def _writing(self, dialect: Dialect) -> list[str]:
        lines = []
        if dialect.encoding:
            lines.append(f"encoding = {_text(dialect.encoding)}  # the bytes are not UTF-8; a guess between 8-bit ones")
        if dialect.decimal != ".":
            lines.append(f"decimal = {_text(dialect.decimal)}")
        if dialect.thousands:
            lines.append(f"thousands = {_text(dialect.thousands)}")
        if dialect.dates:
            lines.append(f"dates = {json.dumps(list(dialect.dates))}")
        lines += [f"# {doubt}." for doubt in self.profile.doubts]
        if self.profile.naive_times:
            lines.append(
                '# timezone = "Europe/Berlin"  # times without an offset are read as UTC; say so if they are not'
            )
        return lines

    def _column(self, name: str) -> str | None:
        spec = readable_columns(self.table)[name]
        found = self.match.columns.get(name)
        if found is None:
            if name in {
                c.lower() for c in self.profile.columns
            }:  # it would be taken by its name although it is something else
                self.shown.add(name)
                return f"{name} = false  # there is a column of this name, but its content is something else"
            if name == "end_reason":
                return self._end_reason(None)
            if name == "csat_at" and {"csat", "resolved_at"} <= self.match.columns.keys():
                closed = self.match.columns["resolved_at"].column
                return f"csat_at = {_text(closed)}  # guess: no time of its own, and a score without one is never seen"
            return self._missing(name) if spec.required else None
        if found.lookup:
            other, key, value = found.lookup
            pair = f"on = {_text(found.column)}" + (f", key = {_text(key)}" if key != found.column else "")
            return f"{name} = {{ lookup = {_text(other)}, {pair}, value = {_text(value)} }}  # {_sure(found)}"
        there = self.profile.columns[found.column]
        if name == "end_reason":
            return self._end_reason(there)
        changed, note = self._value(name, there)
        if changed is None and found.column.lower() == name:
            return None
        comment = "; ".join(filter(None, [_sure(found), note]))
        return f"{name} = {changed or _text(found.column)}  # {comment}"

    def _value(self, name: str, there: ColumnProfile) -> tuple[str | None, str]:
        """What is not just the column's name, and why; None and nothing where the name is enough."""
        spec = readable_columns(self.table)[name]
        for (column, pattern), (factor, note) in _UNITS.items():
            if column == name and there.is_numeric and re.search(pattern, re.sub(r"[^a-z]+", " ", there.name.lower())):
                return f"{{ column = {_text(there.name)}, factor = {factor!r} }}", f"{note}, going by the name"
        if spec.kind in ("date", "time") and there.is_epoch and not there.is_timed:
            unit = " / 1000" if isinstance(there.low, int) and there.low > 10**11 else ""
            return f"{{ expression = {_text(f'to_timestamp({quoted(there.name)}{unit})')} }}", "seconds since 1970"
        if name == "term_months" and not there.is_numeric:
            known = {v: m for v in there.values for word, m in _TERMS.items() if word in v.lower()}
            if known:
                return f"{{ column = {_text(there.name)}, values = {_table(known)} }}", "months going by the words"
        if spec.choices:
            known = {v: v.strip().lower() for v in there.values if v.strip().lower() in spec.choices}
            if changed := {v: meant for v, meant in known.items() if v != meant}:
                return f"{{ column = {_text(there.name)}, values = {_table(changed)} }}", ""
        return None, ""

    def _end_reason(self, there: ColumnProfile | None) -> str | None:
        """Reasons are a company's own words; what they mean for churn has to be decided."""
        if there is None:
            if "ended_on" not in self.match.columns:
                return None
            return "# end_reason: NOT FOUND; an end without a reason counts as chosen by the customer"
        own = {v.strip().lower() for v in there.values}
        if own <= set(END_REASONS):
            return (
                None
                if there.name.lower() == "end_reason"
                else f"end_reason = {_text(there.name)}  # sure, by its values"
            )
        meant = {v: _reason(v) for v in sorted(there.values)[:40]}
        values = _table(meant)
        return f"end_reason = {{ column = {_text(there.name)}, values = {values} }}  # guess: decide what each means"

    def _missing(self, name: str) -> str:
        """A required column that no foreign one was found for."""
        if self.table == "usage" and name == "events":
            return "events = { value = 1 }  # NOT FOUND: each row counts as one event"
        if (self.table, name) in (("usage", "feature"), ("subscriptions", "plan")):
            return f'{name} = {{ value = "all" }}  # NOT FOUND: one {name} for all'
        if self.table == "surveys" and name == "kind":
            found = self.match.columns.get("score")
            high = self.profile.columns[found.column].high if found else 10
            kind = "nps" if isinstance(high, (int, float)) and high > 7 else "csat"
            return f'kind = {{ value = "{kind}" }}  # NOT FOUND: going by the largest score, {high}'
        if self.table == "accounts" and name == "created_on" and "subscriptions" in self.matches:
            return self._first_subscription()
        self.lacking.append(name)
        free = ", ".join(c for c in self.profile.columns if c not in {f.column for f in self.match.columns.values()})
        return f"# {name} = ...  # NOT FOUND, and needed; columns left are {free or 'none'}"

    def _first_subscription(self) -> str:
        self.lacking.append("created_on")
        there = self.matches["subscriptions"]
        key, start = there.columns.get("account_id"), there.columns.get("started_on")
        if key is None or start is None or key.lookup:
            return "# created_on = ...  # NOT FOUND, and needed"
        return (
            f"# created_on = ...  # NOT FOUND, and needed; give the table as sql where the first {start.column} of "
            f"{there.profile.name} may stand for it"
        )


def _reason(value: str) -> str:
    low = value.lower()
    for meant, parts in _REASONS.items():
        if any(part in low for part in parts.split()):
            return meant
    return low if low in END_REASONS else "voluntary"


def _sureness(score: float) -> str:
    return "sure" if score >= 0.85 else "likely" if score >= 0.65 else "guess"


def _sure(found: Found) -> str:
    return f"{_sureness(found.score)}, {found.why}"


def _text(value: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _table(pairs: dict[str, str]) -> str:
    return "{ " + ", ".join(f"{_text(k)} = {_text(v)}" for k, v in sorted(pairs.items())) + " }"
