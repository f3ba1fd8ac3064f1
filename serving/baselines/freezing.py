"""Freezing: a scored day in; the baselines that its month begins with, frozen in the store, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from features.books import holders
from features.history import History
from features.ledger import ledger_of
from serving.baselines.frozen import rows_of
from serving.baselines.made import Known, assigned, expected_of
from serving.baselines.wanted import pairs_of, stretches_of
from serving.store.baselines import baselines_of, freeze, frozen_keys
from serving.store.store import Store
from success.baselines import Expectation, first_expected
from success.periods import month_of
from training import registry
from training.judges import Judges, load_judges

if TYPE_CHECKING:
    from training.registry import RegisteredModel

__all__ = ["bases_of", "freeze_day", "judges_known"]


def bases_of(day: dt.date) -> list[dt.date]:
    """The first days of the year, the quarter and the month that a day lies in, each once."""
    month = month_of(day)
    return sorted({month.replace(month=1), month.replace(month=month.month - (month.month - 1) % 3), month})


def freeze_day(
    history: History, home: Path, store: Store, model: RegisteredModel, as_of: dt.date, now: dt.datetime
) -> int:
    """Freeze what was expected at the start of a day's month, if that is not frozen yet.

    So it is done once a month, on the first of its days that is scored, by the model that scores, and from what was
    known when the month began. A model that has learned from what came later freezes nothing, and nothing is frozen of
    a month before anything could be expected. CSMs who have taken over
    since the month, the quarter or the year began get baselines of their own of the same day, by the same model.

    Returns
    -------
    How many baselines are new.

    Raises
    ------
    TenureError : the store cannot be written, or subscriptions are in several currencies.
    ValueError : the judges of the model are damaged.
    """
    held, first = holders(history, as_of), first_expected(history, as_of)
    new = 0
    for base in bases_of(as_of):
        month = f"{base:%Y-%m}"
        keys = frozen_keys(store, kind="period", period=month)
        wanted = pairs_of(held, base, as_of)
        if not keys and base == month_of(as_of) and base >= first:
            judges = judges_known(model, base)
            if judges is not None:
                told = expected_of(history, _always((judges, model.version)), base, wanted)
                taken = _taken_over(history, told, held, base, first)
                new += freeze(store, rows_of(told.joined(taken), now))
        elif keys:
            lacking = _lacking(keys, wanted)
            froze = _judges_of(home, store, month, base) if lacking else None
            if froze is not None:
                late = expected_of(history, _always(froze), base, wanted, only=lacking)
                new += freeze(store, rows_of(late, now))
    return new


def judges_known(model: RegisteredModel, base: dt.date) -> Judges | None:
    """The judges of a version that has learned from nothing that came on or after a day; None for any other."""
    known_on = model.card.get("known_on")
    if not isinstance(known_on, str) or known_on > base.isoformat():
        return None
    return load_judges(model.folder)


def _taken_over(history: History, told: Expectation, held: pd.DataFrame, base: dt.date, first: dt.date) -> Expectation:
    """Of what was expected, what CSMs took over at this month's start or in the month before it; in the first month
    that anything is expected of, all that they hold."""
    ledger = ledger_of(history, base)
    days = {
        (one.account_id, one.csm_id): one.from_on
        for one in stretches_of(held, ledger, base + dt.timedelta(1), first)
        if one.base == base
    }
    return assigned(told, days)


def _always(known: Known) -> Callable[[], Known]:
    """Finds what is found already."""
    return lambda: known


def _lacking(keys: set[tuple[str, str, str]], wanted: dict[str, list[str]]) -> set[tuple[str, str]]:
    """Pairs of account and CSM without a baseline, of accounts that have one for somebody else."""
    standing = {(account, csm) for account, _, csm in keys}
    accounts = {account for account, _ in standing}
    return {(account, csm) for account in accounts for csm in wanted.get(account, ())} - standing


def _judges_of(home: Path, store: Store, month: str, base: dt.date) -> Known | None:
    """The judges that froze a month, and their version; None where those were no registered version's."""
    versions = {one.model_version for one in baselines_of(store, kind="period", period=month)} - {None}
    for version in sorted(v for v in versions if v and v.isdecimal()):
        judges = judges_known(registry.version(home, version), base)
        if judges is not None:
            return judges, version
    return None
