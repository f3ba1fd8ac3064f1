"""The champion in memory: loads it once, off the request path, and says plainly why it cannot be used."""

from __future__ import annotations

import datetime as dt
import functools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from features.errors import TenureError
from serving.problems import ProblemError

if TYPE_CHECKING:
    from serving.forecast import Forecast

__all__ = ["Champion", "ChampionHolder"]

logger = logging.getLogger("tenure.serving")

_STATUS = {
    "champion-loading": "loading",
    "champion-broken": "broken",
    "champion-outdated": "outdated",
    "no-champion": "absent",
}


@dataclass(frozen=True)
class Champion:
    """The registered versions that are ready to score.

    Parameters
    ----------
    version, catalogue_hash : of the champion of churn.
    forecast : the champions' figures and drivers; the one of expansion may lack.
    reading : (probability, as_of, horizon) -> the sentence for a person.
    trouble : why a champion of expansion cannot be used; empty where it can or where there is none.
    """

    version: str
    catalogue_hash: str
    forecast: Forecast
    reading: Callable[[float, dt.date, int], str]
    trouble: str = ""


class ChampionHolder:
    """Loads the champion at most once; while there is none, looks again every few seconds.

    Parameters
    ----------
    load : the champion, or None where no version is one; raises TenureError with a sentence for people, or
        anything else, when its files are broken. Called in a worker process only, never at import.
    catalogue_hash : of today's declarations; a champion fitted on others is not used.
    retry_seconds : least time between two attempts, so that a broken model does not cost every request.
    """

    def __init__(
        self,
        load: Callable[[], Champion | None],
        catalogue_hash: str,
        *,
        retry_seconds: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._hash = load, catalogue_hash
        self._retry, self._monotonic = retry_seconds, monotonic
        self._lock = threading.Lock()
        self._champion: Champion | None = None
        self._why_not("champion-loading", "The champion is being loaded; ask again in a moment.")
        self._tried: float | None = None

    def get(self) -> Champion:
        """The champion, loading it if need be; waits for a load that is under way.

        Raises
        ------
        ProblemError : 503, with a sentence saying why there is none and what to do.
        """
        if self._champion is None:
            with self._lock:
                due = self._tried is None or self._monotonic() - self._tried >= self._retry
                if self._champion is None and due:
                    self._attempt()
                    self._tried = self._monotonic()
        if self._champion is None:
            raise self._problem()
        return self._champion

    def status(self) -> dict[str, Any]:
        """What readiness says of it; never waits and never loads."""
        if champion := self._champion:
            expansion = champion.forecast.expansion
            return {
                "status": "ready",
                "model_version": champion.version,
                "expansion_version": expansion.version if expansion else None,
                **({"trouble": champion.trouble} if champion.trouble else {}),
            }
        problem = self._problem()
        return {"status": _STATUS[problem.kind or ""], "detail": problem.detail}

    def _why_not(self, kind: str, detail: str, members: Mapping[str, Any] | None = None) -> None:
        # Made anew each time it is raised: one exception raised again and again keeps growing its traceback.
        self._problem = functools.partial(ProblemError, 503, kind, detail, members=members)

    def _attempt(self) -> None:
        try:
            champion = self._load()
            if champion is not None and champion.catalogue_hash == self._hash:
                champion.forecast.prove()  # before anybody is told that it is ready
        except TenureError as error:
            logger.error("the champion cannot be loaded: %s", error)
            self._why_not("champion-broken", str(error))
        except Exception:  # a broken model leaves the stored scores serving, whatever is wrong with it
            logger.exception("the champion cannot be loaded")
            self._why_not(
                "champion-broken",
                "The champion's files cannot be read; run `tenure train`, or `tenure promote churn --rollback` "
                "to go back to the version before it. The service's log says what is wrong.",
            )
        else:
            if champion is None:
                self._why_not(
                    "no-champion",
                    "No model of churn is champion yet; run `tenure train`, which makes one when it passes the gate. "
                    "Until then POST /score answers rule-based health, once `tenure score` has run.",
                )
            elif champion.catalogue_hash != self._hash:
                self._why_not(
                    "champion-outdated",
                    f"The champion, version {champion.version}, was fitted on other feature declarations "
                    f"(catalogue {champion.catalogue_hash[:12]}) than today's ({self._hash[:12]}); "
                    "run `tenure train` to fit one on today's.",
                    members={
                        "model_version": champion.version,
                        "model_catalogue_hash": champion.catalogue_hash,
                        "catalogue_hash": self._hash,
                    },
                )
            else:
                self._champion = champion
