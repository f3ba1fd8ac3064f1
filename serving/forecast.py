"""Forecast: the models of churn and of expansion and feature rows in; every figure of a score row out.

Batch scoring and the service go through this one path, so that the same features give the same bytes in both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE
from training.anchors import ANCHORS_FILE, Anchors, anchors_from_json
from training.kernel import Kernel, load_kernel
from training.kernel.drivers import drivers
from training.kernel.figures import figure_columns, figures, inputs, nearest
from training.kernel.rows import Columns
from training.plan import IN_TIME
from training.registry import RegisteredModel, champion

__all__ = ["Forecast", "Model", "champion_of_expansion", "load_model"]

Drivers = Callable[..., list[list[dict[str, Any]]]]


@dataclass(frozen=True)
class Model:
    """One outcome's registered version, ready to score.

    Parameters
    ----------
    not_validated : horizons that were not validated in time; None where the card does not say.
    digest : of the stored kernel, which holds those of all its trees; empty where it was not read from a file.
    anchors : what is usual in each segment and stage, which health is told against; of churn alone.
    """

    version: str
    kernel: Kernel
    not_validated: tuple[int, ...] | None = ()
    digest: str = ""
    anchors: Anchors | None = None

    def prove(self, drivers: Drivers = drivers) -> None:
        """Raise whatever keeps the model from telling anything of a row of which nothing is known."""
        row = pd.DataFrame(index=range(1))
        figures(self.kernel, row)
        for horizon in self.kernel.horizons:
            drivers(self.kernel, row, horizon)


@dataclass(frozen=True)
class Forecast:
    """What the champions say of accounts.

    Parameters
    ----------
    churn, expansion : the models; expansion may lack.
    drivers : (kernel, rows, horizon, count) -> for each row its drivers, the largest first; all of them without a
        count.
    """

    churn: Model
    expansion: Model | None = None
    drivers: Drivers = drivers

    @property
    def models(self) -> dict[str, Model]:
        """By outcome."""
        return {"churn": self.churn} | ({"expansion": self.expansion} if self.expansion else {})

    @property
    def headline(self) -> int:
        """The churn horizon that is explained unless another is asked for: 90 days, else the nearest."""
        return nearest(self.churn.kernel.horizons, 90)

    def horizon_of(self, outcome: str, asked: int) -> int:
        """The horizon at which an outcome is explained beside churn at `asked` days."""
        return nearest(self.models[outcome].kernel.horizons, asked)

    @property
    def feature_names(self) -> list[str]:
        """The features that the models read, each once."""
        return list(dict.fromkeys(name for model in self.models.values() for name in model.kernel.feature_names))

    @property
    def inputs(self) -> dict[str, bool]:
        """The columns that figures and drivers are told from, and whether their values are text."""
        return {name: is_text for model in self.models.values() for name, is_text in inputs(model.kernel).items()}

    @property
    def categories(self) -> dict[str, list[list[str]]]:
        """For each category that a model reads, the values that each of the models knows."""
        found: dict[str, list[list[str]]] = {}
        for model in self.models.values():
            for name, values in model.kernel.categories.items():
                found.setdefault(name, []).append(list(values))
        return found

    @property
    def not_validated(self) -> list[str] | None:
        """Names of the probability columns that were not validated in time; None where a card does not say."""
        if any(model.not_validated is None for model in self.models.values()):
            return None
        return [f"{outcome}_{h}d" for outcome, model in self.models.items() for h in model.not_validated or ()]

    def prove(self) -> None:
        """As `Model.prove`, of each model."""
        for model in self.models.values():
            model.prove(self.drivers)

    def figures(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Every number that the models tell of n rows of features, with the index of `rows`.

        Returns
        -------
        For each horizon of churn: churn_<h>d with _low and _high, typical_<h>d, involuntary_<h>d, expected_mrr_<h>d;
        then renewal_next; then for each horizon of expansion expansion_<h>d with _low and _high and
        expansion_typical_<h>d. NaN where the model or the row does not tell: the parts of churn and the revenue of
        models without them, revenue without an MRR, a renewal beyond the last horizon, expansion of an MRR of 0.
        """
        told = [figures(model.kernel, rows) for model in self.models.values()]
        return pd.concat(told, axis=1) if len(told) > 1 else told[0]

    def figure_columns(self, rows: Columns) -> dict[str, np.ndarray]:
        """The columns of `figures`, (n,) float64 each; for few rows it is several times quicker."""
        return {
            name: told for model in self.models.values() for name, told in figure_columns(model.kernel, rows).items()
        }


def load_model(registered: RegisteredModel) -> Model:
    """Read a registered version's files; none of them is executed.

    Raises
    ------
    ValueError : they are missing or damaged; the text is one plain sentence.
    """
    try:
        by_card = [(int(h["days"]), h["validation"]) for h in registered.card["horizons"]]
        not_validated = tuple(days for days, validation in by_card if validation != IN_TIME)
    except (KeyError, TypeError, ValueError):
        not_validated = None
    kernel = load_kernel(registered.folder)
    digest = hashlib.sha256((registered.folder / "model.json").read_bytes()).hexdigest()
    return Model(registered.version, kernel, not_validated, digest, _anchors(registered.folder / ANCHORS_FILE, kernel))


def _anchors(file: Path, kernel: Kernel) -> Anchors | None:
    """Those of a version; None where it has none, as those of expansion and of earlier releases."""
    try:
        anchors = anchors_from_json(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(
            f"The file {file} cannot be read ({error.strerror}); restore the folder or train again."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError(f"The file {file} is damaged: it is not valid JSON; train again.") from None
    if anchors.horizon not in kernel.horizons or not set(anchors.cells[-1].attributions) == set(kernel.feature_names):
        raise ValueError(f"The anchors in {file} belong to another model; restore the folder or train again.")
    return anchors


def champion_of_expansion(home: Path, before: Model | None = None) -> tuple[Model | None, str]:
    """The champion of expansion, and why it cannot be used where there is one that cannot.

    Churn is scored without it then: what one outcome lacks must not take the other away.

    Parameters
    ----------
    before : what is used instead of a champion that cannot be.
    """
    registered = champion(home, "expansion")
    if registered is None:
        return None, ""
    named = f"The champion of expansion, version {registered.version},"
    again = "accounts are scored without it until `tenure train` has made another."
    if before is not None:
        again = f"version {before.version} goes on being used until `tenure train` has made another."
    try:
        model = load_model(registered)
        if model.kernel.catalogue_hash != CATALOGUE.hash:
            return before, f"{named} was fitted on other feature declarations than today's; {again}"
        model.prove()
    except Exception as error:  # whatever a damaged file makes a library raise, people get one sentence
        return before, f"{named} cannot be read ({error}); {again}"
    return model, ""
