"""Briefs: an account's row in a run in; what the store knows besides, and the answer to POST /brief, out."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from features.settings import Settings
from serving.answers import plain
from serving.store.feedback import feedback_of

if TYPE_CHECKING:
    from serving.store.reading import Row, Run
    from serving.store.store import Store

__all__ = ["brief_document"]

_WEEK, _LOOK_BACK = dt.timedelta(days=7), dt.timedelta(days=14)
_FEEDBACK = dt.timedelta(days=180)


def brief_document(store: Store, run: Run, row: Row, settings: Settings) -> dict[str, Any]:
    """One page on an account: as Markdown, and part by part.

    Parameters
    ----------
    row : the account's in the run, which whoever asks may see.

    Raises
    ------
    StoreError : the store does not answer.
    """
    from success.brief import brief_parts, markdown

    figures = json.loads(row.figures)
    parts = brief_parts(
        figures,
        json.loads(row.drivers) if row.drivers else [],
        store.facts(run, row.account_id),
        settings,
        features=store.features(run, row.account_id),
        earlier=_earlier(store, run, row.account_id),
        frozen=json.loads(row.frozen) if row.frozen else None,
        feedback=_feedback(store, run, row.account_id),
    )
    return {
        "account_id": row.account_id,
        "as_of": run.as_of.isoformat(),
        "markdown": markdown(parts),
        "parts": plain(parts),
    }


def _earlier(store: Store, run: Run, account_id: str) -> dict[str, Any] | None:
    """The figures of the account's row of about a week before, as they were told then; None where there is none."""
    since, until = run.as_of - _LOOK_BACK, run.as_of - _WEEK
    found = store.history(account_id, since, until, 1, newest=True)
    return json.loads(found[-1][1].figures) if found else None


def _feedback(store: Store, run: Run, account_id: str) -> list[dict[str, Any]]:
    """What was said of scores up to the run's, the newest last."""
    known = feedback_of(store, account_id, run.as_of - _FEEDBACK)
    return [
        {"verdict": one.verdict, "until": one.until, "given_at": one.given_at}
        for one in known
        if one.as_of <= run.as_of
    ]
