"""Bare: our application under uvicorn alone, as `serving.service` makes it, without BentoML around it."""

from __future__ import annotations

import os
from pathlib import Path

import prometheus_client

from features.catalogue import CATALOGUE
from serving.app import create_app
from serving.champion import ChampionHolder
from serving.latest import Latest
from serving.loading import Loader
from serving.logs import configure
from serving.metrics import Metrics
from serving.store.address import address_of
from serving.store.store import Store

__all__ = ["app"]

configure()
_home = Path(os.environ["TENURE_HOME"])
_metrics = Metrics(prometheus_client)
_loader = Loader(_home)
app = create_app(
    Latest(lambda: Store.open(address_of(_home)), watcher=_metrics),
    ChampionHolder(_loader.load, CATALOGUE.hash, which=_loader.which, on_change=_metrics.champion),
    declared=CATALOGUE.features,
    metrics=_metrics,
)
