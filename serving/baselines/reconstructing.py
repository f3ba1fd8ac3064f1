"""Reconstructing: a period in; its baselines, made now from what was known then where none were frozen, out."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from features.books import holders
from features.catalogue import CATALOGUE
from features.errors import TenureError
from features.history import History
from features.ledger import ledger_of
from serving.baselines.freezing import judges_known
from serving.baselines.frozen import expectation_of, rows_of
from serving.baselines.made import Known, assigned, expected_of
from serving.baselines.wanted import Stretch, pairs_of, stretches_of
from serving.store.baselines import baselines_of, freeze, frozen_keys
from serving.store.store import Store
from success.baselines import Expectation, first_expected
from success.periods import Period, month_of
from training import registry
from training.judges import Judges, learn_judges, load_judges, save_judges
from training.kernel import save_kernel

__all__ = ["expectations_for"]

FOLDER = "baselines"
"""In the home: models that were made to reconstruct, so that none is fitted twice."""


def expectations_for(
    history: History,
    home: Path,
    store: Store,
    period: Period,
    as_of: dt.date,
    say: Callable[[str], None] = lambda stage: None,
) -> tuple[Expectation, Expectation]:
    """What was expected at the start of a period, and what each CSM of it took over, as frozen.

    What was not frozen is made now, by models that are fitted on what was known then, marked as reconstructed, and
    frozen with that: by the champion if it has learned from nothing later, else by the recipe that every model starts
    with. Where there was too little to learn from, rates of what was known then stand in. Of months that began before
    enough of the history was known nothing is made.

    Returns
    -------
    Of kind "period" those of the period's first day; of kind "assignment" all that ever came to be of the CSMs who
    looked after an account on a day of the period.

    Raises
    ------
    TenureError : the period has not begun on the day, or the store cannot be written.
    """
    if period.start >= as_of:
        raise TenureError(f"{period.name} begins on {period.start}, and nothing of it is known on {as_of}; ask later.")
    now = dt.datetime.now(dt.UTC)
    held, then = holders(history, as_of), _Then(history, home, say)
    first, until = first_expected(history, as_of), period.known_until(as_of)
    wanted = pairs_of(held, period.start, until)
    if period.start >= first:
        _complete_period(history, store, period.start, wanted, then, now)
    # All that they ever took over: who looks at what is left of it sees only the accounts that stayed.
    judged = {csm for mine in wanted.values() for csm in mine}
    ledger = ledger_of(history, as_of)
    ours = held[held["csm_id"].isin(judged)]
    _complete_assignments(history, store, stretches_of(ours, ledger, until, first), then, now)
    month = f"{period.start:%Y-%m}"
    frozen = expectation_of(baselines_of(store, kind="period", period=month))
    # What was frozen stays good when the beginning of the history is thrown away later.
    mine = {(one.account_id, one.from_on.isoformat(), one.csm_id) for one in stretches_of(ours, ledger, until)}
    taken = [one for one in baselines_of(store, kind="assignment") if (one.account_id, one.period, one.csm_id) in mine]
    return frozen, expectation_of(taken)


def _complete_period(
    history: History, store: Store, base: dt.date, wanted: dict[str, list[str]], then: _Then, now: dt.datetime
) -> None:
    """Freeze what a period lacks."""
    keys = frozen_keys(store, kind="period", period=f"{base:%Y-%m}")
    standing = {(account, csm) for account, _, csm in keys}
    lacking = None
    if standing:
        accounts = {account for account, _ in standing}
        lacking = {(account, csm) for account in accounts for csm in wanted.get(account, ())} - standing
        if not lacking:
            return
    told = expected_of(history, lambda: then.at(base, base), base, wanted, only=lacking, reconstructed=True)
    freeze(store, rows_of(told, now))


def _complete_assignments(
    history: History, store: Store, stretches: Iterable[Stretch], then: _Then, now: dt.datetime
) -> None:
    """Freeze what assignments lack."""
    keys = frozen_keys(store, kind="assignment")
    lacking: dict[dt.date, dict[tuple[str, str], dt.date]] = {}
    for one in stretches:
        if (one.account_id, one.from_on.isoformat(), one.csm_id) not in keys:
            lacking.setdefault(one.base, {}).setdefault((one.account_id, one.csm_id), one.from_on)
    rows = []
    for base in sorted(lacking, reverse=True):
        pairs = lacking[base]
        wanted: dict[str, list[str]] = {}
        for account, csm in pairs:
            wanted.setdefault(account, []).append(csm)
        known = functools.partial(then.at, _half_year(base), base)
        told = expected_of(history, known, base, wanted, only=pairs, reconstructed=True)
        rows += rows_of(assigned(told, pairs), now)
    freeze(store, rows)


def _half_year(day: dt.date) -> dt.date:
    """The first day of the half-year that a day lies in: one model for all that was taken over in it."""
    return month_of(day).replace(month=1 if day.month < 7 else 7)


def _kept(folder: Path) -> Judges | None:
    """Models that were kept for later; None where there are none that can be read, so that they are learned again."""
    try:
        return load_judges(folder)
    except ValueError:
        return None


@dataclass
class _Then:
    """The models that could have been had on a day.

    Parameters
    ----------
    barren : the latest day on which there was too little to learn from; before it there was less.
    """

    history: History
    home: Path
    say: Callable[[str], None]
    known: dict[dt.date, Known] = field(default_factory=dict)
    barren: dt.date = dt.date.min

    def at(self, learned_on: dt.date, base: dt.date) -> Known:
        """The judges for a base day, and what they are called: the champion's, else those learned on an earlier day."""
        champion = registry.champion(self.home)
        if champion is not None and (found := judges_known(champion, base)) is not None:
            return found, champion.version
        if learned_on not in self.known:
            self.known[learned_on] = self._learned(learned_on)
        return self.known[learned_on]

    def _learned(self, day: dt.date) -> Known:
        if day <= self.barren:
            return None, None
        folder = self.home / FOLDER / f"{day.isoformat()}-{self._digest()}"
        told = f"learned on {day}"
        if (kept := _kept(folder)) is not None:
            return kept, told
        self.say(f"learning what was known on {day}")
        try:
            judges = learn_judges(self.history, self.history.settings, day)
        except TenureError:
            self.barren = day
            return None, None
        self._keep(judges, folder)
        return judges, told

    def _digest(self) -> str:
        """What a model that is learned again would depend on, besides what was known then."""
        settings = self.history.settings
        asked = [asdict(part) for part in (settings.churn, settings.training, settings.baselines, settings.history)]
        told = json.dumps([CATALOGUE.hash, asked, self.history.fingerprint], default=str, sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def _keep(self, judges: Judges, folder: Path) -> None:
        """Put the models where the next report finds them, all of them or none."""
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                draft = Path(scratch) / "draft"
                save_kernel(judges.everybody, draft)
                save_judges(judges, draft)
                shutil.rmtree(folder, ignore_errors=True)
                draft.replace(folder)
        except OSError as error:
            raise TenureError(
                f"The home folder {self.home} cannot be written ({error.strerror}); choose another with --home."
            ) from None
