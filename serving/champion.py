"""The champion in memory: loads it once, off the request path, and says plainly why it cannot be used."""

from __future__ import annotations

import datetime as dt
import functools
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from features.errors import TenureError
from serving.problems import ProblemError

__all__ = ["Champion", "ChampionHolder", "Kernel"]

logger = logging.getLogger("tenure.serving")

_STATUS = {
    "champion-loading": "loading",
    "champion-broken": "broken",
    "champion-outdated": "outdated",
    "no-champion": "absent",
}


class Kernel(Protocol):
    """What is read of the scoring kernel."""

    @property
    def horizons(self) -> tuple[int, ...]: ...
    @property
    def feature_names(self) -> Sequence[str]: ...
    @property
    def categories(self) -> Mapping[str, Sequence[str]]: ...
    def probabilities(self, rows: pd.DataFrame, horizon: int) -> np.ndarray: ...
    def explain(self, rows: pd.DataFrame, horizon: int) -> Any: ...


@dataclass(frozen=True)
class Champion:
    """A registered version that is ready to score.

    Parameters
    ----------
    drivers : (rows, horizon) -> for each row all of its drivers, ordered for reading; their `points` add up to
        the probability minus the typical one.
    reading : (probability, as_of, horizon) -> the sentence for a person.
    """

    version: str
    catalogue_hash: str
    kernel: Kernel
    drivers: Callable[[pd.DataFrame, int], list[list[dict[str, Any]]]]
    reading: Callable[[float, dt.date, int], str]

    @functools.cached_property
    def typical(self) -> dict[int, float]:
        """The typical account's probability by horizon: a constant of the model, told by any explained row."""
        row = pd.DataFrame(index=range(1))
        return {h: float(self.kernel.explain(row, h).typical_probability) for h in self.kernel.horizons}


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
            return {"status": "ready", "model_version": champion.version}
        problem = self._problem()
        return {"status": _STATUS[problem.kind or ""], "detail": problem.detail}

    def _why_not(self, kind: str, detail: str, members: Mapping[str, Any] | None = None) -> None:
        # Made anew each time it is raised: one exception raised again and again keeps growing its traceback.
        self._problem = functools.partial(ProblemError, 503, kind, detail, members=members)

    def _attempt(self) -> None:
        try:
            champion = self._load()
            if champion is not None and champion.catalogue_hash == self._hash:
                _ = champion.typical  # proves that it explains a row before anybody is told that it is ready
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
                    "No model is champion yet; run `tenure train`, which makes one when it passes the gate.",
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
