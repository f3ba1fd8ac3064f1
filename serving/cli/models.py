"""Commands on models: train, backtest, promote."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from features.errors import TenureError
from features.sources.find import shown
from serving.cli.figures import print_backtest, print_training, say
from serving.cli.jobs import one_at_a_time
from serving.cli.options import DAY, home_of, said_again, settings_of, shared_options
from serving.cli.output import open_history, print_json, stages
from serving.cli.recipes import BEST, DEFAULT, named_recipe, recipe_option, tuned_recipe
from training.tracking import note_inherited

if TYPE_CHECKING:
    from training.backtest import Backtest

__all__ = ["backtest", "on_a_history", "promote", "train"]

_OUTCOMES = ("churn", "expansion")


def on_a_history(command: Callable[..., None]) -> Callable[..., None]:
    """What train, tune and backtest are asked alike: which history, known on which day, for which outcome."""
    for option in (
        click.pass_context,
        shared_options,
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        click.option("--outcome", type=click.Choice([*_OUTCOMES, "all"]), default="all", show_default=True,
                     help="What to forecast."),
        click.option("--as-of", "known_on", type=DAY, help="As on that day; the end of the observed period otherwise."),
        click.argument("folder", metavar="DIR", type=click.Path(path_type=Path)),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command()
@one_at_a_time("train")
@recipe_option(BEST)
@on_a_history
def train(
    context: click.Context,
    folder: Path,
    known_on: dt.date | None,
    outcome: str,
    as_json: bool,
    chosen: str,
    **_: object,
) -> None:
    """Fit, calibrate, judge, refit, register and gate models of churn and of expansion.

    Example: tenure train company/ --as-of 2025-06-01
    """
    from training.dataset import load_dataset
    from training.train import TrainResult, train_dataset

    settings, home = settings_of(context), home_of(context)
    history = open_history(folder, settings, home)
    asked = _OUTCOMES if outcome == "all" else (outcome,)
    recipes = {name: named_recipe(chosen, name, settings.training.seed) for name in asked}
    results: dict[str, TrainResult] = {}
    refused: dict[str, str] = {}
    with stages() as tell:
        tell("building features and labels")
        dataset = load_dataset(history, settings, known_on)
        for name in asked:
            try:
                results[name] = train_dataset(
                    dataset, settings, home, outcome=name, recipe=recipes[name], progress=tell
                )
            except TenureError as error:
                refused[name] = str(error)
    if as_json and results:
        print_json({**{name: result.to_json() for name, result in results.items()}, "refused": refused})
    elif not as_json:
        _print_each([partial(print_training, result) for result in results.values()])
    if asked[0] in refused:
        raise TenureError(refused[asked[0]] + _meanwhile(asked[0], home))
    if as_json:
        return
    _print_refused(refused, "fitted")
    first = results[asked[0]]
    said = f"tenure score {shlex.quote(shown(folder))} --as-of "
    if first.champion:
        click.echo(f"\nNext: {said}{history.observed_period(known_on)[1]}{said_again(context)}")
    else:
        click.echo(f"\nNext: {said}DAY --version {first.version}{said_again(context)} looks at it all the same.")


@click.command()
@recipe_option(DEFAULT)
@on_a_history
def backtest(
    context: click.Context,
    folder: Path,
    known_on: dt.date | None,
    outcome: str,
    as_json: bool,
    chosen: str,
    **_: object,
) -> None:
    """Judge the recipe at rolling origins: fitted as it would have been then, on what came after. Registers nothing.

    Example: tenure backtest company/ --outcome churn
    """
    from training.backtest import backtest as run
    from training.dataset import load_dataset

    settings, home = settings_of(context), home_of(context)
    history = open_history(folder, settings, home)
    asked = _OUTCOMES if outcome == "all" else (outcome,)
    seed = settings.training.seed
    recipes = {name: named_recipe(chosen, name, seed) or tuned_recipe(home, name, seed) for name in asked}
    done: dict[str, tuple[dict[int, Backtest], dict[int, str]]] = {}
    refused: dict[str, str] = {}
    with stages() as tell:
        tell("building features and labels")
        dataset = load_dataset(history, settings, known_on)
        for name in asked:
            try:
                done[name] = run(dataset, name, settings, recipes[name], say=tell)
            except TenureError as error:
                refused[name] = str(error)
    note_inherited(home, f"backtest, known on {dataset.known_on}", {}, _figures(done))
    if as_json and done:
        print_json({**{name: _document(*one) for name, one in done.items()}, "refused": refused})
    elif not as_json:
        _print_each([partial(print_backtest, name, *one) for name, one in done.items()])
    if asked[0] in refused:
        raise TenureError(refused[asked[0]])
    if not as_json:
        _print_refused(refused, "judged")


def _meanwhile(outcome: str, home: Path) -> str:
    """What scores until a model of churn has been trained."""
    from training.registry import champion

    if outcome != "churn" or champion(home):
        return ""
    return " Until then tenure score uses the rule-based scorecard, and says so."


def _print_each(printed: Sequence[Callable[[], None]]) -> None:
    for place, one in enumerate(printed):
        if place:
            click.echo()
        one()


def _print_refused(refused: Mapping[str, str], done: str) -> None:
    for name, why in refused.items():
        click.echo()
        say(f"{name.capitalize()} was not {done}: {why}")


def _figures(done: Mapping[str, tuple[Mapping[int, Backtest], Mapping[int, str]]]) -> dict[str, float]:
    return {
        f"{outcome} {horizon} days/{words}": result.judged.evaluation.figures["model"][figure].value
        for outcome, (found, _) in done.items()
        for horizon, result in found.items()
        for figure, words in (("log_loss", "log loss"), ("auc", "AUC"))
    }


def _document(found: Mapping[int, Backtest], notes: Mapping[int, str]) -> dict[str, Any]:
    from training.evaluation.figures import plain

    horizons = {
        str(horizon): {
            "origins": [origin.to_json() for origin in result.origins],
            "evaluation": result.judged.evaluation.to_json(),
            "sums": plain(result.judged.sums),
            **({} if result.worth is None else {"worth": result.worth.to_json()}),
        }
        for horizon, result in found.items()
    }
    return {"horizons": horizons, "notes": {str(horizon): note for horizon, note in notes.items()}}


@click.command()
@click.argument("outcome", type=click.Choice(_OUTCOMES))
@click.option("--version", "number", type=click.IntRange(1), help="The version to promote; the challenger otherwise.")
@click.option("--rollback", is_flag=True, help="Go back to the champion before this one.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@shared_options
@click.pass_context
def promote(
    context: click.Context, outcome: str, number: int | None, rollback: bool, as_json: bool, **_: object
) -> None:
    """Move the champion alias: forwards only through the gate, or back.

    Example: tenure promote churn --version 3
    """
    from training import registry

    if rollback and number is not None:
        raise click.UsageError("--rollback goes back to the champion before this one; leave --version out.")
    home = home_of(context)
    moved = registry.rollback(home, outcome) if rollback else registry.promote(home, number, outcome)
    if as_json:
        last = registry.moves(home, outcome)[-1].to_json()
        return print_json({"outcome": outcome, "version": moved.version, "run_id": moved.run_id, "move": last})
    click.echo(f"Version {moved.version} is the champion of {outcome}.")
