"""The BentoML service: Tenure's application over the home and the store that the environment names."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import bentoml
import prometheus_client
from bentoml._internal.utils.analytics import usage_stats
from starlette.types import ASGIApp

from features.catalogue import CATALOGUE
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

_metrics = Metrics(prometheus_client)
_loader = Loader(HOME)
_app = create_app(
    Latest(lambda: Store.open(address_of(HOME)), watcher=_metrics),
    ChampionHolder(_loader.load, CATALOGUE.hash, which=_loader.which, on_change=_metrics.champion),
    declared=CATALOGUE.features,
    metrics=_metrics,
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
