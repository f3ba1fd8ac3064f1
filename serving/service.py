"""The BentoML service: mounts Tenure's application over the home folder that the environment names."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import bentoml
from bentoml._internal.utils.analytics import usage_stats
from starlette.types import ASGIApp

from features.catalogue import CATALOGUE
from features.errors import TenureError
from serving.app import create_app
from serving.champion import Champion
from serving.front import Front

__all__ = ["Tenure"]

logger = logging.getLogger("tenure.serving")

# bentoml reports its use to its makers unless told not to. Its command line has asked itself and remembered the
# answer before it imports this module, so the answer has to be forgotten too.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
usage_stats.do_not_track.cache_clear()

HOME = Path(os.environ.get("TENURE_HOME", ".tenure")).absolute()
WORKERS = int(os.environ.get("TENURE_WORKERS", "1"))

# Longer than the largest request takes on one thread. BentoML holds a timer of this length for every request.
TIMEOUT_SECONDS = 120


def load_champion() -> Champion | None:
    """The champions of HOME; imports the model libraries, so it must run in a worker, never at import."""
    from serving.forecast import Forecast, champion_of_expansion, load_model
    from success.wording import reading
    from training.registry import champion

    registered = champion(HOME)
    if registered is None:
        return None
    try:
        model = load_model(registered)
    except Exception as error:  # whatever a damaged file makes a library raise, people get one sentence
        raise TenureError(
            f"The files of the champion, version {registered.version}, cannot be read ({error}); run `tenure train` "
            "to make another, or `tenure promote churn --rollback` to go back to the version before it."
        ) from error
    expansion, trouble = champion_of_expansion(HOME)
    if trouble:
        logger.warning("%s", trouble)
    return Champion(
        version=registered.version,
        catalogue_hash=registered.catalogue_hash,
        forecast=Forecast(model, expansion),
        reading=reading,
        trouble=trouble,
    )


_app = create_app(HOME, load_champion=load_champion, declared=CATALOGUE.features, catalogue_hash=CATALOGUE.hash)


class _Service(bentoml.Service[Any]):
    """A BentoML service whose whole application stands behind `Front`."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        return Front(super().to_asgi(is_main), _app)


@bentoml.asgi_app(_app, path="/", name="tenure")
@bentoml.service(
    name="tenure",
    service_class=_Service,
    workers=WORKERS,
    traffic={"timeout": TIMEOUT_SECONDS},
)
class Tenure:
    """Churn probabilities and their reasons, stored or on demand."""
