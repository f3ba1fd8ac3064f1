"""Matching: which foreign table and column is which of the contract, by names and contents together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from features.contract import CONTRACT, Column
from features.sources.mapping import readable_columns
from features.sources.profile import ColumnProfile, TableProfile
from features.sources.words import likeness, table_likeness

__all__ = ["Found", "Match", "match_tables", "overlap"]

ENOUGH = 0.45
"""A column below this score is left unfound."""
TABLE_ENOUGH = 0.5


@dataclass(frozen=True)
class Found:
    """A foreign column for one of the contract, how sure that is (0 to 1) and on what it rests."""

    column: str
    score: float
    why: str
    lookup: tuple[str, str, str] | None = None
    """(foreign table, column on both sides or here, value there) when the value stands in another table."""


@dataclass
class Match:
    """A foreign table for one of the contract, with its columns."""

    table: str
    profile: TableProfile
    score: float
    columns: dict[str, Found] = field(default_factory=dict)


def overlap(child: ColumnProfile, parent: ColumnProfile) -> float:
    """The share of one column's values that another has; ids written as 1.0 and 1 are one."""
    here, there = _ids(child), _ids(parent)
    return len(here & there) / len(here) if here else 0.0


def _ids(column: ColumnProfile) -> frozenset[str]:
    if column.kind in ("DOUBLE", "FLOAT"):
        return frozenset(v.removesuffix(".0") for v in column.values)
    return column.values


def match_tables(profiles: list[TableProfile]) -> dict[str, Match]:
    """The best foreign table for each table of the contract, and its columns.

    The table of accounts comes first, because its key says what an account's id looks like everywhere else.
    """
    accounts = _best_accounts(profiles)
    key = accounts.columns["account_id"].column if accounts and "account_id" in accounts.columns else None
    ids = accounts.profile.columns[key] if accounts and key else None
    names = [t for t in CONTRACT if t != "accounts"]
    rest = [p for p in profiles if accounts is None or p is not accounts.profile]
    matches = {t: [_match(t, p, ids, profiles) for p in rest] for t in names}
    if accounts is not None:
        accounts = _match("accounts", accounts.profile, ids, profiles)
    chosen = {"accounts": accounts} if accounts else {}
    if rest:
        scores = np.array([[m.score for m in matches[t]] for t in names])
        # Below what is enough nothing is gained by a pair, so that a poor pair cannot push out a good one.
        for row, place in zip(*linear_sum_assignment(np.where(scores >= TABLE_ENOUGH, scores, 0), True), strict=True):
            if scores[row, place] >= TABLE_ENOUGH:
                chosen[names[row]] = matches[names[row]][place]
    for match in chosen.values():
        _fill_in(match, chosen.get("users"))
    return {t: chosen[t] for t in CONTRACT if t in chosen}


def _fill_in(match: Match, users: Match | None) -> None:
    """Find by contents alone: people by the key of users, and what is needed where one column is left for it."""
    left = [c for c in match.profile.columns.values() if c.name not in {f.column for f in match.columns.values()}]
    spec = CONTRACT[match.table].by_name
    key = users.columns.get("user_id") if users and users is not match else None
    if users and key and "user_id" in spec and "user_id" not in match.columns:
        people = users.profile.columns[key.column]
        for there in left:
            share = overlap(there, people) if there.distinct > 1 and not there.is_timed else 0.0
            if share > 0.9:
                match.columns["user_id"] = Found(there.name, 0.7, f"{100 * share:.0f} % of its values are users")
                left.remove(there)
                break
    for column in spec.values():
        fitting = [c for c in left if c.present and column.kind != "text" and _fits(column, c)]
        if column.required and column.name not in match.columns and len(fitting) == 1:
            match.columns[column.name] = Found(fitting[0].name, 0.5, "the only column left that fits")
            left.remove(fitting[0])


def _best_accounts(profiles: list[TableProfile]) -> Match | None:
    """The table of accounts: named so, with a key whose values other tables have too."""
    best: Match | None = None
    for profile in profiles:
        keys = [c for c in profile.columns.values() if c.is_key or (_is_versioned(profile) and _mostly_differs(c))]
        if not keys:
            continue
        others = [c for p in profiles if p is not profile for c in p.columns.values() if not c.is_timed]
        used = {k.name: sum(overlap(c, k) > 0.8 and c.distinct > 1 for c in others) for k in keys}
        scored = {k.name: min(used[k.name], 4) / 4 + likeness(k.name, "account_id", "accounts") for k in keys}
        key = max(scored, key=lambda name: scored[name])
        score = table_likeness(profile.name, "accounts") + 0.5 * scored[key]
        if best is None or score > best.score:
            best = Match("accounts", profile, score, {"account_id": Found(key, min(scored[key] / 1.5, 1.0), "")})
    return best if best and best.score >= 0.5 else None


def _match(table: str, profile: TableProfile, ids: ColumnProfile | None, profiles: list[TableProfile]) -> Match:
    """One foreign table as one of the contract."""
    wanted = [c for c in readable_columns(table).values() if c.name != "occurred_at" or table != "usage"]
    foreign = list(profile.columns.values())
    scores = np.zeros((len(wanted), len(foreign)))
    for i, column in enumerate(wanted):
        for j, there in enumerate(foreign):
            scores[i, j] = _column_score(table, column, there, profile, ids)
    found: dict[str, Found] = {}
    kept = np.where(scores >= ENOUGH, scores, 0)
    for i, j in zip(*linear_sum_assignment(kept, maximize=True), strict=True):
        if kept[i, j]:
            found[wanted[i].name] = Found(
                foreign[j].name, float(min(kept[i, j], 1.0)), _why(wanted[i], foreign[j], ids)
            )
    if "account_id" in {c.name for c in wanted} and "account_id" not in found and ids is not None:
        chain = _chain(profile, ids, profiles)
        if chain:
            found["account_id"] = chain
    _drop_disorder(table, profile, found)
    required = [c.name for c in CONTRACT[table].columns if c.required]
    share = sum(found[c].score for c in required if c in found) / len(required)
    named = table_likeness(profile.name, table)
    return Match(table, profile, 0.55 * named + 0.45 * share if named >= 0.3 or share >= 0.85 else 0.0, found)


def _column_score(
    table: str, column: Column, there: ColumnProfile, profile: TableProfile, ids: ColumnProfile | None
) -> float:
    """Names first; contents then speak for or against."""
    score = likeness(there.name, column.name, table, profile.name)
    if _letters(there.name) == _letters(column.name):  # before any other that has the same words
        score = 1.2
    if column.name == "account_id" and ids is not None:
        share = 1.0 if there is ids else overlap(there, ids)
        if share < 0.5:
            return 0.0
        return max(score, 0.3) * 0.5 + 0.5 * share
    if there.present == 0:
        return score * 0.9 if score > 0.8 else 0.0
    fits = _fits(column, there)
    if not fits:
        return 0.0
    if column.kind == "text" and (there.is_timed or there.is_flag):
        return 0.0
    if column.choices:
        known = {v.strip().lower() for v in there.values} & set(column.choices)
        score = max(score, 0.9) if known and len(known) >= 0.5 * there.distinct else score * 0.9
    if column.low is not None and isinstance(there.low, (int, float)) and there.low < column.low:
        score *= 0.6
    if column.high is not None and isinstance(there.high, (int, float)) and there.high > column.high:
        score *= 0.6
    spec = CONTRACT[table]
    versions = spec.versioned and _is_versioned(profile) and _mostly_differs(there)
    if spec.key == (column.name,) and not there.is_key and not versions:
        score *= 0.6 if there.distinct > 0.9 * there.present else 0.2
    return score


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _is_versioned(profile: TableProfile) -> bool:
    """Whether a table has a day from which a row holds, so that one key may have several rows."""
    return any(c.is_timed and likeness(c.name, "valid_from", "accounts") > 0.9 for c in profile.columns.values())


def _mostly_differs(column: ColumnProfile) -> bool:
    """Whether a column may name what its rows are versions of."""
    return not column.is_timed and column.distinct > 0.2 * column.present


def _fits(column: Column, there: ColumnProfile) -> bool:
    match column.kind:
        case "date" | "time":
            return there.is_timed or there.is_epoch
        case "integer" | "number" | "money":
            return there.is_numeric or (column.name == "term_months" and there.distinct <= 6)
        case "boolean":
            return there.is_flag
    return True


def _why(column: Column, there: ColumnProfile, ids: ColumnProfile | None) -> str:
    if column.name == "account_id" and ids is not None and there is not ids:
        return f"{100 * overlap(there, ids):.0f} % of its values are accounts"
    if column.choices and {v.strip().lower() for v in there.values} & set(column.choices):
        return "by name and values"
    return "by name and type"


def _chain(profile: TableProfile, ids: ColumnProfile, profiles: Iterable[TableProfile]) -> Found | None:
    """An account found through another table: a column here that is a key there, beside an account's id."""
    best: Found | None = None
    for other in profiles:
        if other is profile:
            continue
        owners = [c for c in other.columns.values() if c.distinct > 1 and overlap(c, ids) > 0.9]
        for key in (c for c in other.columns.values() if c.is_key and owners and c not in owners):
            for here in profile.columns.values():
                share = overlap(here, key) if here.distinct > 1 and not here.is_timed and not here.is_flag else 0.0
                # Small whole numbers overlap with any key by chance.
                if here.is_numeric and likeness(here.name, key.name, "") < 0.5:
                    continue
                if share > 0.8 and (best is None or share > best.score):
                    why = f"{100 * share:.0f} % of {here.name} are in {other.name}"
                    best = Found(here.name, share, why, (other.name, key.name, owners[0].name))
    return best


def _drop_disorder(table: str, profile: TableProfile, found: dict[str, Found]) -> None:
    """Two days that stand the wrong way round as a whole were taken for each other's: keep the surer one."""
    for earlier, later in CONTRACT[table].ordered:
        if earlier in found and later in found:
            first, second = profile.columns[found[earlier].column], profile.columns[found[later].column]
            # Both are of one type, which the checker cannot follow.
            if isinstance(first.low, type(second.high)) and first.low and second.high and second.high < first.low:  # type: ignore[operator]
                del found[min((earlier, later), key=lambda c: found[c].score)]
