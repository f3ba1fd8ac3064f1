"""Loading: a home folder in; which registered versions are champions, and the champion ready to score, out."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import TenureError
from features.settings import Settings
from serving.champion import Champion

if TYPE_CHECKING:
    from serving.forecast import Model

__all__ = ["Loader"]

logger = logging.getLogger("tenure.serving")


class Loader:
    """What a `ChampionHolder` asks: both methods import the model libraries, so they must run in a worker's thread.

    Parameters
    ----------
    home : the folder whose champions are meant, unless the environment names another registry.
    settings : how the team reads health.
    """

    def __init__(self, home: Path, settings: Settings | None = None) -> None:
        self._home, self._settings = home, settings or Settings()
        self._client: Any = None  # MLflow's
        self._expansion: Model | None = None  # the last one that could score
        self._said = ""  # of the registry, when it last could not be asked

    def which(self) -> tuple[str | None, str | None]:
        """The versions that are champions of churn and of expansion, in a few milliseconds.

        Raises
        ------
        TenureError : the registry does not answer; told within seconds.
        """
        from training.addresses import brief, stores_of
        from training.registry import champion_number
        from training.tracking import open_store

        if not stores_of(self._home).exist():
            return None, None
        with brief(), self._in_confidence():
            if self._client is None:
                self._client = open_store(self._home)
            return champion_number(self._client, "churn"), champion_number(self._client, "expansion")

    def load(self) -> Champion | None:
        """The champions, read anew; where that of expansion cannot be used, the one before it stays beside churn's.

        Raises
        ------
        TenureError : the registry does not answer, or the files of the champion of churn cannot be read.
        """
        from serving.forecast import Forecast, champion_of_expansion, load_model
        from serving.healths import healths_of
        from success.wording import reading
        from training.addresses import brief
        from training.registry import champion

        with brief():
            with self._in_confidence():
                registered = champion(self._home)
            if registered is None:
                return None
            try:
                model = load_model(registered)
            except Exception as error:  # whatever a damaged file makes a library raise, people get one sentence
                # Readiness tells this to anybody, and the error would name folders of this machine.
                logger.error("version %s of churn cannot be read: %s", registered.version, error)
                raise TenureError(
                    f"The files of the champion, version {registered.version}, cannot be read; run `tenure train` to "
                    "make another, or `tenure promote churn --rollback` to go back to the version before it."
                ) from error
            expansion, trouble = champion_of_expansion(self._home, self._expansion)
        self._expansion = expansion
        if trouble:
            logger.warning("%s", trouble)
            used = f"version {expansion.version} goes on being used" if expansion else "accounts are scored without it"
            trouble = f"The champion of expansion cannot be used; {used}, and the service's log says why."
        forecast = Forecast(model, expansion)
        return Champion(
            version=registered.version,
            catalogue_hash=registered.catalogue_hash,
            forecast=forecast,
            reading=reading,
            trouble=trouble,
            healths=healths_of(forecast, self._settings),
        )

    @contextlib.contextmanager
    def _in_confidence(self) -> Iterator[None]:
        """What a registry says of itself names folders and servers: it is for the log, and readiness is for anybody."""
        try:
            yield
        except TenureError as error:
            if str(error) != self._said:  # once, though it is asked every few seconds
                logger.error("the registry cannot be asked: %s", error)
            self._said = str(error)
            raise TenureError("The registry of models cannot be asked; the service's log says why.") from error
        self._said = ""
