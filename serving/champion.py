"""The champion in memory: loads it off the request path, follows the alias to new versions, and says what is wrong."""

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
    from serving.healths import Healths

__all__ = ["Champion", "ChampionHolder"]

logger = logging.getLogger("tenure.serving")

_STATUS = {
    "champion-loading": "loading",
    "champion-broken": "broken",
    "champion-outdated": "outdated",
    "no-champion": "absent",
}
_UNREADABLE = (
    "The champion's files cannot be read; run `tenure train`, or `tenure promote churn --rollback` "
    "to go back to the version before it. The service's log says what is wrong."
)

Versions = tuple[str | None, str | None]
"""Of churn and of expansion."""

_LONGEST_WAIT = 60.0  # seconds between two attempts at a version that is broken while another serves


@dataclass(frozen=True)
class Champion:
    """The registered versions that are ready to score; whoever holds one is answered by it whole, whatever comes next.

    Parameters
    ----------
    version, catalogue_hash : of the champion of churn.
    forecast : the champions' figures and drivers; the one of expansion may lack.
    reading : (probability, as_of, horizon) -> the sentence for a person.
    trouble : why the champion of expansion is not used, or not its present version; empty where nothing is wrong.
    healths : what tells health; None where the champion was trained without anchors.
    """

    version: str
    catalogue_hash: str
    forecast: Forecast
    reading: Callable[[float, dt.date, int], str]
    trouble: str = ""
    healths: Healths | None = None

    @property
    def expansion_version(self) -> str | None:
        """Of the champion of expansion; None where there is none."""
        return self.forecast.expansion.version if self.forecast.expansion else None


class ChampionHolder:
    """Holds the champion that requests are answered with, and swaps it for the next one between two of them.

    A version that cannot be loaded, was fitted on other declarations or cannot score leaves the one before it
    serving; so does a registry that does not answer.

    Parameters
    ----------
    load : the champion, or None where no version is one; raises TenureError with a sentence for people, or
        anything else, when its files are broken. Called in a worker process only, never at import.
    catalogue_hash : of today's declarations; a champion fitted on others is not used.
    which : the versions of churn and of expansion that are champions now, quick to ask; may raise as `load` does.
        Without it a champion that has been loaded stays.
    on_change : called with the versions that serve, by outcome, and whether anything keeps a champion from serving,
        at first and after each change; in the thread that changed it.
    every : seconds between two looks of the thread that `start` starts.
    retry_seconds : least time between two attempts at the same version, so that a broken one does not cost every
        request; while another serves, the time doubles up to a minute.
    """

    def __init__(
        self,
        load: Callable[[], Champion | None],
        catalogue_hash: str,
        *,
        which: Callable[[], Versions] | None = None,
        on_change: Callable[[Mapping[str, str | None], bool], None] | None = None,
        every: float = 2.0,
        retry_seconds: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._hash = load, catalogue_hash
        self._which = which
        self._on_change, self._every = on_change, every
        self._retry, self._monotonic = retry_seconds, monotonic
        self._lock = threading.Lock()  # of whoever looks; requests never wait for it while a champion serves
        self._champion: Champion | None = None
        self._trouble = ""
        self._why_not("champion-loading", "The champion is being loaded; ask again in a moment.")
        self._tried: Versions | None = None  # what was champion at the last attempt
        self._due, self._wait = monotonic(), retry_seconds
        self._told: dict[str, Any] = {}
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        """Load the champion and look for the next one again and again, in a thread of its own."""
        self._thread = threading.Thread(target=self._watch, name="champion", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a load that is under way is not waited for."""
        self._stopped.set()

    def get(self) -> Champion:
        """The champion; only before the first was looked for, or without `start`, does it load or wait for a load.

        Raises
        ------
        ProblemError : 503, with a sentence saying why there is none and what to do.
        """
        champion = self._champion
        if champion is None and (self._tried is None or (self._thread is None and self._monotonic() >= self._due)):
            self.look()
            champion = self._champion
        if champion is None:
            raise self._problem()
        return champion

    def status(self) -> dict[str, Any]:
        """What readiness says of it; never waits and never loads."""
        if champion := self._champion:
            trouble = " ".join(filter(None, (self._trouble, champion.trouble)))
            return {
                "status": "ready",
                "model_version": champion.version,
                "expansion_version": champion.expansion_version,
                **({"trouble": trouble} if trouble else {}),
            }
        problem = self._problem()
        return {"status": _STATUS[problem.kind or ""], "detail": problem.detail}

    def look(self) -> None:
        """See whether other versions are champions now, and serve them if they can; never raises."""
        with self._lock:
            self._look()
            status = self.status()
            if changed := status != self._told:
                self._told = status
        if changed and self._on_change:
            try:
                versions = {"churn": status.get("model_version"), "expansion": status.get("expansion_version")}
                self._on_change(versions, "trouble" in status or status["status"] in ("broken", "outdated"))
            except Exception:  # whoever listens must not stop the looking
                logger.exception("a change of the champion could not be passed on")

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self.look()
            self._stopped.wait(self._every)

    def _look(self) -> None:
        try:
            now = self._which() if self._which else self._versions()
        except Exception as error:  # a registry that fails, however it does, leaves what serves serving
            self._tried = self._tried or (None, None)
            self._due = self._monotonic() + self._retry
            what = "It cannot be asked which version is champion"
            self._fault(error, what, f"{what}; the service's log says why.")
            return
        if self._champion and now == self._versions() and not self._champion.trouble:
            self._trouble = ""  # a broken version was taken back, or the registry answers again
            return
        if now != self._tried:
            self._wait = self._retry
        elif self._monotonic() < self._due:
            return
        self._attempt()
        self._tried, self._due = now, self._monotonic() + self._wait
        if self._champion:
            self._wait = min(2 * self._wait, _LONGEST_WAIT)

    def _versions(self) -> Versions:
        champion = self._champion
        return (champion.version, champion.expansion_version) if champion else (None, None)

    def _attempt(self) -> None:
        """Load what is champion and serve it, if it can."""
        try:
            champion = self._load()
            if champion is not None and champion.catalogue_hash == self._hash:
                champion.forecast.prove()  # before anybody is told that it is ready
        except Exception as error:  # a broken model leaves what serves serving, whatever is wrong with it
            self._fault(error, "The champion cannot be loaded", _UNREADABLE)
            return
        if champion is None:
            self._without(
                "no-champion",
                "No model of churn is champion yet; run `tenure train`, which makes one when it passes the gate. "
                "Until then POST /score answers rule-based health, once `tenure score` has run.",
                "No version of churn is champion any more; make one champion with `tenure promote churn --version N`.",
            )
        elif champion.catalogue_hash != self._hash:
            detail = (
                f"The champion, version {champion.version}, was fitted on other feature declarations "
                f"(catalogue {champion.catalogue_hash[:12]}) than today's ({self._hash[:12]}); "
                "run `tenure train` to fit one on today's."
            )
            members = {
                "model_version": champion.version,
                "model_catalogue_hash": champion.catalogue_hash,
                "catalogue_hash": self._hash,
            }
            self._without("champion-outdated", detail, detail, members)
        else:
            before = self._versions()
            self._champion, self._trouble = champion, ""  # one reference, so no request sees half of a swap
            if self._versions() != before:
                logger.info("version %s of churn and %s of expansion serve", *self._versions())

    def _fault(self, error: Exception, what: str, unforeseen: str) -> None:
        said = str(error) if isinstance(error, TenureError) else unforeseen
        if not isinstance(error, TenureError) and said not in (self._trouble + self._problem().detail):
            logger.error("%s", what, exc_info=error)
        self._without("champion-broken", said, said)

    def _without(self, kind: str, detail: str, trouble: str, members: Mapping[str, Any] | None = None) -> None:
        """There is no new champion: what is said while none serves, and what beside the one that does."""
        serving = self._champion
        if serving is None:
            if self._problem().detail != detail and kind != "no-champion":
                logger.error("%s", detail)
            self._why_not(kind, detail, members)
            return
        said = f"{trouble} Version {serving.version} goes on serving."
        if said != self._trouble:
            logger.error("%s", said)
        self._trouble = said

    def _why_not(self, kind: str, detail: str, members: Mapping[str, Any] | None = None) -> None:
        # Made anew each time it is raised: one exception raised again and again keeps growing its traceback.
        self._problem = functools.partial(ProblemError, 503, kind, detail, members=members)
