"""Homes: a size and a seed in; a folder with a made-up company, models trained on it and its scores, made once, out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.prove.record import code_fingerprint
from features.history import History
from features.settings import load_settings
from features.simulation import simulate
from serving.store.address import address_of
from serving.store.store import Store
from serving.store.tokens import create

__all__ = ["Home", "champion_is", "crowd", "feature_rows", "made", "opened", "tenure", "token"]

_CODE = ("features", "training", "success", "serving", "benchmarks/serving")


@dataclasses.dataclass(frozen=True)
class Home:
    """What a company has.

    Parameters
    ----------
    company, folder, config : its tables, the home folder, the settings.
    as_of : the last observed day, which is scored.
    file : the scores of that day, as `tenure score --out` wrote them.
    """

    company: Path
    folder: Path
    config: Path
    as_of: dt.date
    file: Path

    def options(self) -> list[str]:
        """What every command is told."""
        return ["--home", str(self.folder), "--config", str(self.config)]

    def without_scores(self, folder: Path) -> Home:
        """A copy with the same models and no store yet; the models' files stay where they are."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("scores.db*", "artifacts", "bentoml"))
        return dataclasses.replace(self, folder=folder)


def tenure(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """`tenure ARGUMENTS` in a process of its own; one that fails is not an exception."""
    command = [sys.executable, "-m", "serving.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables})


def made(scratch: Path, settings: str, *, accounts: int, months: int, seed: int, versions: int = 1) -> Home:
    """A home below a folder, or the one that stands there since the same code made it.

    Parameters
    ----------
    settings : the text of tenure.toml.
    versions : how many versions of churn are trained, each from another seed. The first is champion, whatever the
        gate says of it: what is measured is the service.
    """
    home = Home(scratch / "company", scratch / "home", scratch / "tenure.toml", dt.date.min, scratch / "scores.parquet")
    marker, about = scratch / "made.json", [settings, accounts, months, seed, versions, code_fingerprint(_CODE)]
    if marker.exists():
        stands = json.loads(marker.read_text(encoding="utf-8"))
        if stands["about"] == about:
            return dataclasses.replace(home, as_of=dt.date.fromisoformat(stands["as_of"]))
    scratch.mkdir(parents=True, exist_ok=True)
    home.config.write_text(settings, encoding="utf-8")
    simulate(accounts=accounts, months=months, seed=seed).write(home.company)
    _train(home, versions)
    home = dataclasses.replace(home, as_of=History.open(home.company, load_settings(home.config)).observed_until)
    scored = tenure("score", home.company, "--as-of", home.as_of, "--out", home.file, *home.options())
    if scored.returncode:
        raise RuntimeError(scored.stderr)
    marker.write_text(json.dumps({"about": about, "as_of": home.as_of.isoformat()}), encoding="utf-8")
    return home


def _train(home: Home, versions: int) -> None:
    from training.dataset import load_dataset
    from training.train import train_dataset

    settings = load_settings(home.config)
    dataset = load_dataset(History.open(home.company, settings), settings)
    for number in range(versions):
        seeded = dataclasses.replace(settings.training, seed=settings.training.seed + number)
        train_dataset(dataset, dataclasses.replace(settings, training=seeded), home.folder)
    train_dataset(dataset, settings, home.folder, outcome="expansion")
    for outcome in ("churn", "expansion"):
        champion_is(home.folder, 1, outcome)


def champion_is(folder: Path, number: int, outcome: str = "churn") -> None:
    """Move the alias, as anybody can who may write to the registry."""
    from training.stores import open_store, tracked_name

    open_store(folder).set_registered_model_alias(tracked_name(outcome), "champion", str(number))


def opened(folder: Path, url: str | None = None) -> Store:
    """The store of a home, or the one at an address of PostgreSQL; made where there is none, closed as a context."""
    return Store.open(address_of(folder, url))


def token(folder: Path, url: str | None = None, scopes: Iterable[str] = ("score", "read", "admin")) -> dict[str, str]:
    """The header with a new token for a store, that of the home unless another is named."""
    with opened(folder, url) as store:
        return {"Authorization": f"Bearer {create(store, 'benchmark', frozenset(scopes))[1]}"}


def feature_rows(home: Home, most: int) -> list[dict[str, Any]]:
    """Rows for POST /score_features: what the models were given when the home was scored."""
    found: list[dict[str, Any]] = []
    with opened(home.folder) as store:
        run = store.latest()
        assert run is not None
        for account_id in store.frame(run)["account_id"]:
            known = store.features(run, account_id) if len(found) < most else None
            if known:
                found.append({"account_id": account_id, "as_of": home.as_of.isoformat(), **known})
    return found


def crowd(file: Path, accounts: int) -> pd.DataFrame:
    """A scored day of as many accounts as wanted: those of a score file again and again, each time with other ids."""
    scored = pd.read_parquet(file)
    rounds = -(-accounts // len(scored))
    parts: list[Any] = [scored.assign(account_id=scored["account_id"] + f"-{n}") for n in range(rounds)]
    return pd.concat(parts, ignore_index=True).head(accounts).sort_values("account_id", ignore_index=True)
