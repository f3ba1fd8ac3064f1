"""The BentoML service: Tenure's application over the home, store and settings that the environment names."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import bentoml
import prometheus_client
from bentoml._internal.utils.analytics import usage_stats
from starlette.types import ASGIApp

from features.catalogue import CATALOGUE
from features.errors import TenureError
from features.settings import Settings, load_settings
from serving.app import create_app
from serving.champion import ChampionHolder
from serving.front import Front
from serving.latest import Latest
from serving.loading import Loader
from serving.logs import configure
from serving.metrics import Metrics
from serving.store.address import address_of
from serving.store.store import Store

__all__ = ["Tenure"]

# bentoml reports its use to its makers unless told not to. Its command line has asked itself and remembered the
# answer before it imports this module, so the answer has to be forgotten too.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
usage_stats.do_not_track.cache_clear()

HOME = Path(os.environ.get("TENURE_HOME", ".tenure")).absolute()
WORKERS = int(os.environ.get("TENURE_WORKERS", "1"))
MAX_IN_FLIGHT = int(os.environ.get("TENURE_MAX_IN_FLIGHT", "256"))


def _settings() -> Settings:
    """The settings that TENURE_CONFIG names, the defaults without one; a file that cannot be read ends the process."""
    try:
        return load_settings(os.environ.get("TENURE_CONFIG") or None)
    except TenureError as error:
        sys.exit(f"tenure: {error}")


_metrics = Metrics(prometheus_client)
_practice = _settings()
_loader = Loader(HOME, _practice)
_app = create_app(
    Latest(lambda: Store.open(address_of(HOME)), watcher=_metrics),
    ChampionHolder(_loader.load, CATALOGUE.hash, which=_loader.which, on_change=_metrics.champion),
    declared=CATALOGUE.features,
    metrics=_metrics,
    settings=_practice,
    max_in_flight=MAX_IN_FLIGHT,
)


def _end_after(parent: int) -> None:
    """End this worker once its parent is gone: one that was killed cannot tell, and an orphan would keep the port."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


class _Service(bentoml.Service[Any]):
    """A BentoML service whose requests `Front` takes."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        bento = super().to_asgi(is_main)
        configure()
        threading.Thread(target=_end_after, args=(os.getppid(),), name="parent", daemon=True).start()
        return Front(bento, _app)


@bentoml.asgi_app(_app, path="/", name="tenure")
@bentoml.service(name="tenure", service_class=_Service, workers=WORKERS)
class Tenure:
    """Churn probabilities and their reasons, stored or on demand."""
