"""Pages: an outcome, or a finished training, in; the words and columns that MLflow's pages show of it out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.evaluation.figures import Figure
    from training.gate import Decision
    from training.protocol import Judged
    from training.tuning import Search

__all__ = ["VIEW", "about_experiment", "about_model", "about_run", "about_search", "experiment_tags", "run_name"]

VIEW = "tenure"
"""The name in addresses (`?viewStateShareKey=tenure`) of the columns that an experiment offers in its menu Views."""

_COLUMNS = (
    ("attributes.`Run Name`", 400),
    ("attributes.`Models`", 190),
    ("metrics.`90 days/log loss`", 130),
    ("metrics.`90 days/log loss of recency`", 215),
    ("metrics.`90 days/AUC`", 110),
    ("metrics.`90 days/observed over expected`", 245),
    ("metrics.`90 days/events`", 120),
    ("params.`known on`", 100),
    ("params.`90 days/judged on`", 190),
    ("params.`recipe from`", 260),
)
"""Columns to compare trainings by, and their widths in pixels."""

_WHAT = {
    "churn": "the probability that an account leaves within so many days",
    "expansion": "the probability that an account pays clearly more within so many days, before it leaves",
}


def about_experiment(outcome: str) -> str:
    """What an experiment holds and how to read it, in Markdown."""
    return f"""**{outcome.capitalize()}** as Tenure forecasts it ({_WHAT[outcome]}): every training and every search.

- **A training** (`tenure train`) is named after the version that it registered and what the gate made of it. Its
  description has the gate's reason and a table of its figures; among its artifacts, `card.html` tells everything.
- **A search** (`tenure tune`) has one child a recipe tried. It looks only at what was known before the first day that a
  training is judged on.
- **Log loss**: lower is better; compare it with that of the base rate and of recency (days since last use, nothing
  else) in the same run. Two trainings compare only where they were judged on the same days (parameters "judged on").
- **Observed over expected** and **calibration slope**: 1 is right. **AUC**: 0.5 is guessing, 1 perfect.
- Which version scores today: the alias *champion* of the registered model `tenure-{outcome}`.

**Views** (or `?viewStateShareKey={VIEW}` at the end of the address) has "Trainings at a glance": the columns to compare
trainings by.
"""


def about_model(outcome: str) -> str:
    """What a registered model is, in Markdown."""
    return (
        f"Tenure: calibrated {outcome} probabilities ({_WHAT[outcome]}). The version with the alias **champion** "
        "scores; **challenger** is the latest that does not. A training makes its version champion when the gate "
        "passes it; `tenure promote` moves the alias. Each version's description is the gate's reason."
    )


def experiment_tags(outcome: str) -> dict[str, str]:
    """The description of an experiment, that it is one of models, and its view."""
    columns = [column for column, _ in _COLUMNS if not column.endswith("Run Name`")]
    state = {
        "selectedColumns": columns,
        "columnOrder": [column for column, _ in _COLUMNS],
        "columnWidths": dict(_COLUMNS),
        "hideEmptyCharts": True,
    }
    view = {"name": "Trainings at a glance", "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)}
    return {
        "mlflow.note.content": about_experiment(outcome),
        "mlflow.experimentKind": "custom_model_development",
        f"mlflow.sharedViewState.{VIEW}": json.dumps(view),
    }


def run_name(outcome: str, version: str, decision: Decision, became_champion: bool, known_on: object) -> str:
    """What a training's run is called once its version has a number; a later champion does not make it untrue."""
    what = "became champion" if became_champion else "passed, not champion" if decision.passed else "not passed"
    return f"v{version} {what}: {outcome} known on {known_on}"


def about_run(
    outcome: str, known_on: object, origin: str, judged: Mapping[int, Judged], decision: Decision, headline: int
) -> str:
    """The gate's reason and the figures of every horizon, in Markdown."""
    first = judged[headline].evaluation
    losses, auc = _losses(first.figures), _number(first.figures["model"]["auc"].value, 2)
    lines = [
        f"**{'Passed' if decision.passed else 'Not passed'}.** At {headline} days: log loss {losses[0]} (base rate "
        f"{losses[1]}, recency {losses[2]}), AUC {auc}, {first.churned_accounts} events.",
        "",
        f"> {decision.reason}",
        "",
        f"A training of {outcome} on what was known on {known_on}, with {_recipe(origin)}.",
        "",
        "| horizon | log loss | of the base rate | of recency | AUC | observed / expected | events | judged |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for horizon, found in judged.items():
        figures, model = found.evaluation.figures, found.evaluation.figures["model"]
        days = f"**{horizon} days**" if horizon == headline else f"{horizon} days"
        cells = [days, *_losses(figures), _number(model["auc"].value, 2),
                 _number(model["observed_to_expected"].value, 2), str(found.evaluation.churned_accounts),
                 _JUDGED.get(found.validation, f"{found.validation}: shown only")]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "A lower log loss is better. Recency is what days since last use alone can forecast. Everything else, with "
        "intervals, is told by **card.html** among the artifacts.",
    ]
    return "\n".join(lines)


def about_search(search: Search) -> str:
    """What was tried and what came out, in Markdown."""
    first, last = search.origins[0][0], search.origins[-1][1]
    found = (
        "It is better beyond chance, so that tenure train uses it from now on"
        if search.better
        else "It is not shown to be better beyond chance, so that tenure train goes on using the start"
    )
    return (
        f"**A search for a recipe of {search.outcome}**: {len(search.trials)} recipes tried, each on "
        f"{len(search.origins)} stretches of days between {first} and {last}, known before {search.known_until}.\n\n"
        f"> The best, trial {search.leading.number}, has a log loss of {search.leading.value:.5f} at {search.horizon} "
        f"days; the start, trial {search.starting.number}, has {search.starting.value:.5f}. {found}.\n\n"
        "Each trial is a run below this one. These losses are means over the stretches, before calibration: they "
        "compare with each other, and not with those of a training. **trials.png** and **settings.png** among the "
        "artifacts show the search, search.json has all of it."
    )


_LOSSES = ("model", "prior", "recency")
_JUDGED = {"in time": "on later days"}


def _losses(figures: Mapping[str, Mapping[str, Figure]]) -> list[str]:
    return [_number(figures[name]["log_loss"].value, 4) if name in figures else "-" for name in _LOSSES]


def _recipe(origin: str) -> str:
    return "a recipe that was given" if origin == "given" else origin


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"
