"""Standing: a scored day and the days stored before it in; where each account stands beside them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from serving.lookback import LOOKBACK_COLUMNS, lookback
from serving.store.reading import run_before
from success.book import FEATURES
from success.calls import listed

if TYPE_CHECKING:
    import datetime as dt

    from features.settings import Settings
    from serving.scoring import Scored
    from serving.store.store import Store

__all__ = ["with_standing"]


def with_standing(store: Store, scored: Scored, as_of: dt.date, settings: Settings) -> pd.DataFrame:
    """The score frame with what health was and why it moved, and with each CSM's call list and since when.

    It does not depend on what people say of accounts afterwards, so that a day that is scored again is the same.
    """
    frame, features = scored.frame, scored.features
    gauge = scored.healths.gauge if scored.healths else None
    told = lookback(store, as_of, features, frame, gauge, settings.stages, scored.own)
    frame = frame.join(told[list(LOOKBACK_COLUMNS)], on="account_id")
    with store.reading() as connection:
        before = run_before(connection, as_of)
    known = features.reindex(columns=list(FEATURES)).add_prefix("f_")
    previous = store.book(before) if before else None
    calls = listed(frame.join(known, on="account_id"), previous, settings.calls, settings.weekly_calls, settings.health)
    return frame.join(calls.set_index("account_id").astype({"list_rank": "Int32"}), on="account_id")
