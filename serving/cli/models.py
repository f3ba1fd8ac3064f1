"""Commands on models: train, promote."""

from __future__ import annotations

import datetime as dt
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from features.sources.find import shown
from serving.cli.options import DAY, home_of, said_again, settings_of, shared_options
from serving.cli.output import open_history, print_json, stages, table

if TYPE_CHECKING:
    from training.evaluation import Evaluation, Figure
    from training.train import TrainResult

__all__ = ["print_training", "promote", "train"]

_LABELS = {"model": "model", "recency": "recency alone", "prior": "one rate for all"}
_FIGURES = (
    ("log_loss", "log loss (less is better)", 4),
    ("auc", "AUC", 3),
    ("lift_10", "lift in the riskiest 10 %", 1),
    ("observed_to_expected", "observed / expected", 2),
    ("calibration_error", "calibration error", 4),
)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--as-of", "known_on", type=DAY, help="Train as on that day; the end of the observed period otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@shared_options
@click.pass_context
def train(context: click.Context, folder: Path, known_on: dt.date | None, as_json: bool, **_: object) -> None:
    """Fit, calibrate, evaluate, refit, register and gate a churn model.

    Example: tenure train company/ --as-of 2025-06-01
    """
    from training.train import train as run

    settings, home = settings_of(context), home_of(context)
    history = open_history(folder, settings, home)
    with stages() as say:
        result = run(history, settings, home, known_on=known_on, progress=say)
    if as_json:
        print_json(result.to_json())
        return
    print_training(result)
    if result.champion:
        day = history.observed_period(known_on)[1]
        click.echo(f"Next: tenure score {shlex.quote(shown(folder))} --as-of {day}{said_again(context)}")
    else:
        said = f"{shlex.quote(shown(folder))} --as-of DAY --version {result.version}{said_again(context)}"
        click.echo(f"Next: tenure score {said} looks at it all the same.")


def print_training(result: TrainResult) -> None:
    """The blocks, the holdout's figures and the gate's decision."""
    rows = []
    for name in ("train", "calibration", "holdout"):
        b = result.blocks[name]
        rows.append(
            [name, f"{b['first_as_of']} to {b['last_as_of']}", f"{b['rows']:,}", f"{b['accounts']:,}",
             f"{b['churned_accounts']:,}", f"{100 * b['base_rate']:.1f} %"]
        )  # fmt: skip
    table(
        f"Churn within {result.horizon} days; blocks {result.gap_days} days apart",
        ["block", "as_of days", "rows", "accounts", "churned accounts", "base rate"],
        rows,
        right=2,
    )
    click.echo()
    print_figures(result.evaluation)
    click.echo(f"\n{result.decision.reason}")
    click.echo(
        f"Version {result.version} is registered as {'champion' if result.champion else 'challenger'}: the same "
        f"recipe, fitted again up to {result.blocks['refit_calibration']['last_as_of']}."
    )


def print_figures(evaluation: Evaluation) -> None:
    """The holdout's figures, the model beside what needs no learning to speak of."""
    compared = {name: evaluation.figures[name] for name in _LABELS}
    rows = [
        [label, *(_interval(figures[key], digits) for figures in compared.values())] for key, label, digits in _FIGURES
    ]
    perfect = [evaluation.perfect[name] for name in _LABELS]
    rows.append(["  if perfectly calibrated", *(f"{p.low:.4f} to {p.high:.4f}" for p in perfect)])
    table(
        f"Holdout: {evaluation.churned_accounts:,} churned of {evaluation.accounts:,} accounts "
        "(90 % intervals, resampling accounts)",
        ["", *_LABELS.values()],
        rows,
    )


def _interval(figure: Figure, digits: int) -> str:
    if figure.value != figure.value:
        return "-"
    return f"{figure.value:.{digits}f} ({figure.low:.{digits}f} to {figure.high:.{digits}f})"


@click.command()
@click.argument("outcome", type=click.Choice(["churn"]))
@click.option("--version", "number", type=click.IntRange(1), help="The version to promote; the challenger otherwise.")
@click.option("--rollback", is_flag=True, help="Go back to the champion before this one.")
@shared_options
@click.pass_context
def promote(context: click.Context, outcome: str, number: int | None, rollback: bool, **_: object) -> None:
    """Move the champion alias: forwards only through the gate, or back.

    Example: tenure promote churn --version 3
    """
    from training import registry

    if rollback and number is not None:
        raise click.UsageError("--rollback goes back to the champion before this one; leave --version out.")
    home = home_of(context)
    moved = registry.rollback(home) if rollback else registry.promote(home, number)
    click.echo(f"Version {moved.version} is the champion of {outcome}.")
