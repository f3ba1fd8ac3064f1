"""Made: a history, a month and the models that were known then in; what is expected of each account and CSM out."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from features.build import build_features
from features.history import History
from features.ledger import ledger_of
from success.baselines import Expectation, expect, rates_of, subjects_of
from training.judges import Judges

__all__ = ["Known", "assigned", "expected_of"]


Known = tuple[Judges | None, str | None]
"""Models, and what they are called; none where there were none."""


def expected_of(
    history: History,
    known: Callable[[], Known],
    base: dt.date,
    wanted: Mapping[str, Sequence[str]],
    *,
    only: Iterable[tuple[str, str]] | None = None,
    reconstructed: bool = False,
) -> Expectation:
    """What is expected from the first of a month on, of every account for its holder then and all later ones.

    Parameters
    ----------
    known : finds the models that were known on that day, when there is somebody to expect something of.
    wanted : by account, everyone who is to be judged by it besides its holder on that day.
    only : the pairs of account and CSM that are still to be made; all where it is None.
    """
    ledger = ledger_of(history, base)
    subjects = subjects_of(history, base, ledger)
    more = [
        (place, csm)
        for place, (account, holder) in enumerate(zip(subjects["account_id"], subjects["csm_id"], strict=True))
        for csm in wanted.get(account, ())
        if csm != holder
    ]
    whole = pd.concat(
        [subjects, subjects.iloc[[place for place, _ in more]].assign(csm_id=[csm for _, csm in more])],
        ignore_index=True,
    )
    if only is not None:
        asked = set(only)
        kept = [pair in asked for pair in zip(whole["account_id"], whole["csm_id"], strict=True)]
        whole = whole[np.array(kept, dtype=bool)].reset_index(drop=True)
    if whole.empty:
        return Expectation.empty()
    judges, version = known()
    rows = build_features(history, [base]) if judges is not None else pd.DataFrame({"account_id": []})
    return expect(
        whole,
        rows,
        judges,
        rates_of(history, base, ledger),
        base,
        grace_days=history.settings.churn.grace_days,
        version=version,
        reconstructed=reconstructed,
    )


def assigned(expectation: Expectation, days: Mapping[tuple[str, str], dt.date]) -> Expectation:
    """Of period baselines those that also are what a CSM took over, as baselines of the assignment.

    Parameters
    ----------
    days : by account and CSM, the day of the assignment.
    """
    pairs = list(zip(expectation.rows["account_id"], expectation.rows["csm_id"], strict=True))
    mine = expectation.take(np.array([pair in days for pair in pairs], dtype=bool))
    told = [days[pair].isoformat() for pair in pairs if pair in days]
    rows = mine.rows.assign(kind="assignment", period=pd.Series(told, dtype=object, index=mine.rows.index))
    return dataclasses.replace(mine, rows=rows)
