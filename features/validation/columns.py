"""Columns: signs that a column was written after the churn, from those who left and those who stayed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.casting import quoted
from features.contract import CONTRACT
from features.validation.disagreements import CHURN_WORDS, foreign_columns
from features.validation.report import Leak

if TYPE_CHECKING:
    from features.history import History

__all__ = ["column_leaks"]

MIN_CHURNED = 30
"""Fewer churned accounts say nothing."""
DIVIDED = 0.8
"""How far two distributions must be apart before a column counts as divided between who left and who stayed."""
LONG_TERM = 36
"""Months: where a term is not known, a first renewal may be this far away."""
MAX_VALUES = 50
"""A column with more values than that is a name, not an attribute."""


def column_leaks(history: History, fates: pd.DataFrame) -> Iterator[Leak]:
    """Signs 1 to 4.

    Parameters
    ----------
    fates : account_id, left (bool), quarter (datetime64): one row an account that left or stayed.
    """
    for table, column, rows, used in _columns(history, fates):
        where = f"{table}.{column}"
        unit = "subscriptions" if table == "subscriptions" else "accounts"
        hint = (
            "Look whether it is written, emptied or overwritten when an account leaves; if so, leave the column out "
            "of the mapping or give dated versions."
            if used
            else "Tenure does not use the column; do not map it onto one that it does."
        )
        leak = _filled(where, rows, unit, hint) or _telling(where, rows, unit, hint) or _divided(where, rows, hint)
        if leak:
            yield leak
    yield from _moved_renewals(history)
    yield from _versions_at_churn(history)


def _columns(history: History, fates: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame, bool]]:
    """(table, column, one row a unit with value, left and quarter, whether Tenure uses it) for each optional column.

    The unit is an account's first row, for users any row of the account that has a value, and for subscriptions the
    paid row, gone if it ended as a churn and there if it goes on.
    """
    con = history.con
    for table in ("accounts", "users", "subscriptions"):
        if table not in history.tables:
            continue
        optional = [c for c in CONTRACT[table].columns if not c.late and c.name in history.columns[table]]
        names = [c.name for c in optional if not c.required or c.name == "plan"]
        names = [n for n in names if n not in ("trial", "renews_on", "currency", "valid_from")]
        chosen = "".join(f", CAST({quoted(n)} AS VARCHAR) AS {quoted(n)}" for n in names)
        extra = ", started_on, ended_on, end_reason, trial" if table == "subscriptions" else ""
        rows = con.execute(
            f"SELECT account_id, _row{chosen}{extra} FROM {quoted(table)} WHERE _bad_from IS NULL ORDER BY _known, _row"
        ).df()
        if table == "subscriptions":
            gone = rows["ended_on"].notna() & rows["end_reason"].fillna("voluntary").isin(["voluntary", "involuntary"])
            rows = rows[(gone | rows["ended_on"].isna()) & ~rows["trial"].astype("boolean").fillna(False)]
            started = pd.to_datetime(rows["started_on"])
            rows = rows.assign(left=gone, quarter=started.dt.to_period("Q").dt.to_timestamp())
        else:
            rows = rows.merge(fates[["account_id", "left", "quarter"]], on="account_id")
        for name in names:
            given = rows[["account_id", "left", "quarter", "_row"]].assign(value=rows[name])
            if table == "users":
                given = given.sort_values("value", kind="stable")  # missing last
            if table != "subscriptions":
                given = given.drop_duplicates("account_id")
            yield table, name, given, True
        if table == "accounts":
            for name in foreign_columns(history, table):
                raw = con.execute(
                    f"SELECT row_number() OVER () AS _row, nullif(trim(CAST(source.{quoted(name)} AS VARCHAR)), '') "
                    f"AS value FROM {history.sources[table].original()} AS source"
                ).df()
                given = rows[["account_id", "left", "quarter", "_row", *names]].merge(raw, on="_row")
                # A column that is mapped onto one of the contract's has been looked at under that name.
                if not any(given["value"].equals(given[n]) for n in names):
                    yield table, name, given.drop_duplicates("account_id"), False


def _weighed(rows: pd.DataFrame) -> pd.DataFrame | None:
    """Rows of quarters with both sides and a `weight` by which each side sums to 1, quarter by quarter as who left.

    Accounts of long ago have had more time to leave, so what differs only by age must not look like a sign. None
    where too few are left of one side.
    """
    sizes = rows.groupby(["quarter", "left"]).size().unstack(fill_value=0).reindex(columns=[True, False], fill_value=0)
    sizes = sizes[(sizes > 0).all(axis=1)]
    if sizes.empty or sizes.sum().min() < MIN_CHURNED:
        return None
    rows = rows[rows["quarter"].isin(sizes.index)]
    gone = rows["quarter"].map(sizes[True])
    among = gone.where(rows["left"], rows["quarter"].map(sizes[False]))
    return rows.assign(weight=gone / sizes[True].sum() / among)


def _filled(where: str, rows: pd.DataFrame, unit: str, hint: str) -> Leak | None:
    """Sign 1."""
    there = rows["value"].notna()
    weighed = _weighed(rows)
    if there.all() or not there.any() or weighed is None:
        return None
    filled = (weighed["weight"] * weighed["value"].notna()).groupby(weighed["left"]).sum()
    of_gone, of_stayed = float(filled[True]), float(filled[False])
    # Unequal weights leave fewer rows' worth of knowledge.
    n_gone, n_stayed = (1 / float((weighed["weight"][weighed["left"] == side] ** 2).sum()) for side in (True, False))
    error = np.sqrt(_variance(of_gone, n_gone) + _variance(of_stayed, n_stayed))
    gap = abs(of_gone - of_stayed)
    only = min(of_gone, of_stayed) <= 0.02 and max(of_gone, of_stayed) >= 0.2 and gap - 3 * error > 0.1
    if not only and gap - 3 * error < 0.5:
        return None
    side = "those who stayed" if of_stayed > of_gone else "those who left"
    kept, lost = there[~rows["left"]], there[rows["left"]]
    return Leak(
        where,
        f"filled for {side}",
        f"It is filled for {_part(kept.sum(), len(kept))} {unit} that stayed and for {_part(lost.sum(), len(lost))} "
        "that left.",
        hint,
    )


def _variance(share: float, n: float) -> float:
    drawn = (share * n + 1) / (n + 2)
    return drawn * (1 - drawn) / n


def _part(count: float, of: float) -> str:
    return f"{int(count):,} of {int(of):,} ({100 * count / max(of, 1):.0f} %)"


def _telling(where: str, rows: pd.DataFrame, unit: str, hint: str) -> Leak | None:
    """Sign 2, by single values: what only those who left carry, more of them than the quarters' churn would explain."""
    given = rows[rows["value"].notna()]
    if not 1 <= given["value"].nunique() <= MAX_VALUES:
        return None
    quarters = rows.groupby("quarter")["left"].agg(["sum", "count"])
    shares = ((quarters["sum"] + 1) / (quarters["count"] + 2)).clip(upper=0.99)
    for value, of_value in given.groupby("value"):
        left, total = int(of_value["left"].sum()), len(of_value)
        chance = _chance(left, total, float(of_value["quarter"].map(shares).mean()))
        called = bool(re.search(CHURN_WORDS, str(value), re.IGNORECASE)) and left >= 3 and chance < 0.05
        if left >= 0.9 * total and (called or chance < 1e-6):
            return Leak(
                where,
                "a value of those who left",
                f'"{value}" is carried by {total:,} {unit}, and {left:,} of them left; of all, '
                f"{_part(rows['left'].sum(), len(rows))} did.",
                hint,
            )
    return None


def _chance(left: int, total: int, share: float) -> float:
    """How likely it is, at most, that so many leave by chance where a share of all does (Chernoff's bound)."""
    seen = left / total
    if seen <= share:
        return 1.0
    odds = seen * np.log(seen / share) + ((1 - seen) * np.log((1 - seen) / (1 - share)) if seen < 1 else 0.0)
    return float(np.exp(-total * odds))


def _divided(where: str, rows: pd.DataFrame, hint: str) -> Leak | None:
    """Sign 2, by all values of a column together."""
    weighed = _weighed(rows)
    if weighed is None or not 2 <= rows["value"].fillna("").nunique() <= MAX_VALUES:
        return None
    shares = weighed.groupby([weighed["value"].fillna(""), "left"])["weight"].sum().unstack(fill_value=0)
    apart = float((shares[True] - shares[False]).abs().sum() / 2)
    if apart < DIVIDED:
        return None
    most = {side: shares[side].idxmax() or "nothing" for side in (True, False)}
    return Leak(
        where,
        "divided between those who left and those who stayed",
        f'Those who left mostly carry "{most[True]}", those who stayed "{most[False]}", and {100 * apart:.0f} % of the '
        "two do not overlap.",
        hint,
    )


def _moved_renewals(history: History) -> Iterator[Leak]:
    """Sign 3: `renews_on` more than a term and a month after the start, among rows that are older than that."""
    if "renews_on" not in history.columns["subscriptions"]:
        return
    until = history.observed_until.isoformat()
    rows = history.con.execute(
        f"""
        SELECT open, count(*) FILTER (WHERE renews_on > late), count(*)
        FROM (
            SELECT ended_on IS NULL AS open, renews_on, coalesce(ended_on, DATE '{until}') AS last,
                   started_on + to_months(CAST(coalesce(term_months, {LONG_TERM}) AS INTEGER)) + to_days(31) AS late
            FROM subscriptions
            WHERE _bad_from IS NULL AND NOT coalesce(trial, false) AND renews_on IS NOT NULL
        )
        WHERE late < last GROUP BY open
        """
    ).fetchall()
    moved, aged = sum(r[1] for r in rows), sum(r[2] for r in rows)
    if moved < 10 or moved < 0.2 * aged:
        return
    by_side = {bool(r[0]): _part(r[1], r[2]) for r in rows}
    parts = [f"{by_side[True]} that go on"] * (True in by_side) + [f"{by_side[False]} that ended"] * (False in by_side)
    yield Leak(
        "subscriptions.renews_on",
        "moved on since the first renewal",
        "Of subscriptions older than their first term, renews_on lies more than one term after started_on in "
        f"{' and '.join(parts)}.",
        "renews_on is the first renewal after started_on; one that is moved on at each renewal says who renewed. Give "
        "the first one, or leave the column out.",
    )


def _versions_at_churn(history: History) -> Iterator[Leak]:
    """Sign 4: versions other than the first that begin within a day of the churn."""
    from features.labels import churn_days

    con = history.con
    if "valid_from" not in {row[0] for row in con.execute("DESCRIBE accounts").fetchall()}:
        return
    versions = con.execute(
        "SELECT account_id, CAST(valid_from AS TIMESTAMP) AS valid_from FROM accounts "
        "WHERE valid_from > created_on AND _bad_from IS NULL"
    ).df()
    churned = churn_days(history, history.observed_until)[["account_id", "churned_on"]]
    met = versions.merge(churned, on="account_id")
    near = met[(met["valid_from"] - met["churned_on"]).abs() <= pd.Timedelta(days=1)]["account_id"].nunique()
    accounts = churned["account_id"].nunique()
    # By chance a version falls within a day of the churn three times in the days that an account is observed.
    if near < 10 or near < 0.2 * accounts:
        return
    yield Leak(
        "accounts.valid_from",
        "versions that begin with the churn",
        f"An attribute changes within a day of the churn in {_part(near, accounts)} accounts that churned.",
        "Such values are written because of the churn; they are harmless only if valid_from is never set back to an "
        "earlier day, so look at one of these accounts.",
    )
