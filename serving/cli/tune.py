"""The command that searches for a better recipe."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from features.errors import TenureError
from features.sources.find import shown
from serving.cli.figures import say
from serving.cli.jobs import one_at_a_time
from serving.cli.models import on_a_history
from serving.cli.options import home_of, said_again, settings_of
from serving.cli.output import open_history, print_json, stages, table

if TYPE_CHECKING:
    from training.tuning import Search, Trial

__all__ = ["print_search", "tune"]

_OUTCOMES = ("churn", "expansion")


@click.command()
@click.option("--trials", type=click.IntRange(1, 10_000), default=30, show_default=True,
              help="How many recipes to have tried in all, those of an earlier run included.")  # fmt: skip
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Begin no trial later than this.")
@one_at_a_time("tune")
@on_a_history
def tune(
    context: click.Context,
    folder: Path,
    known_on: dt.date | None,
    outcome: str,
    as_json: bool,
    trials: int,
    minutes: float | None,
    **_: object,
) -> None:
    """Search for a recipe that forecasts better; tenure train uses what is found.

    It looks only at what was known before the first day of any holdout, and goes on where an earlier search of the same
    history was stopped.

    Example: tenure tune company/ --trials 30 --minutes 10
    """
    from training.dataset import load_dataset
    from training.tuning import tune as search

    if minutes is not None and math.isnan(minutes):
        raise click.BadParameter("nan is no number of minutes.", context, param_hint="--minutes")
    settings, home = settings_of(context), home_of(context)
    history = open_history(folder, settings, home)
    asked = _OUTCOMES if outcome == "all" else (outcome,)
    with stages() as tell:
        tell("building features and labels")
        dataset = load_dataset(history, settings, known_on)
    found: dict[str, Search] = {}
    refused: dict[str, str] = {}
    ends = None if minutes is None else time.monotonic() + 60 * minutes
    for place, name in enumerate(asked):
        # What one outcome leaves of its share of the time, the next one has.
        share = None if ends is None else max((ends - time.monotonic()) / 60 / (len(asked) - place), 0.0)
        with _bar(name, trials) as moved:
            try:
                found[name] = search(
                    dataset, settings, home, outcome=name, trials=trials, minutes=share, progress=moved
                )
            except KeyboardInterrupt:
                click.echo("The trials that have finished are kept; the same command goes on from there.", err=True)
                raise
            except TenureError as error:
                refused[name] = str(error)
    if as_json and found:
        print_json({**{name: one.to_json() for name, one in found.items()}, "refused": refused})
    elif not as_json:
        for one in found.values():
            print_search(one, trials)
            click.echo()
    if asked[0] in refused:
        raise TenureError(refused[asked[0]])
    if as_json:
        return
    for name, why in refused.items():
        say(f"{name.capitalize()} was not searched: {why}")
        click.echo()
    click.echo(f"Next: tenure train {shlex.quote(shown(folder))}{said_again(context)}")


def print_search(search: Search, asked: int) -> None:
    """What was looked at, the best trials beside the first, and whether the best is to be used."""
    click.secho(f"Recipes of {search.outcome}, on what was known until {search.known_until}", bold=True)
    pruned = sum(trial.state == "pruned" for trial in search.trials)
    before = f", {search.taken_up} of them before" if search.taken_up else ""
    stretches = ", ".join(f"{first} to {last}" for first, last, _ in search.origins)
    say(
        f"{len(search.trials)} trials{before}, {pruned} of them stopped early. Each forecast {search.horizon} days "
        f"from {len(search.origins)} stretches of time ({stretches}), learning from what was known on the first day "
        "of each."
    )
    if len(search.trials) < asked:
        say(f"The time was up after {len(search.trials)} of {asked} trials; the same command goes on from there.")
    click.echo()
    ranked = sorted((t for t in search.trials if t.state == "complete"), key=lambda trial: trial.value)
    best = [trial for trial in ranked if trial is not search.starting][:4]
    columns = ["", "start", *(f"trial {trial.number}" for trial in best)]
    shown_trials = [search.starting, *best]
    rows = [["log loss", *(f"{trial.value:.5f}" for trial in shown_trials)]]
    rows += [
        [name.replace("_", " "), *(_written(trial.values[name]) for trial in shown_trials)]
        for name in search.starting.values
    ]
    table("The start beside the best of the others", columns, rows)
    click.echo()
    say(_verdict(search))


def _verdict(search: Search) -> str:
    difference = search.difference
    if difference is None:
        return "No recipe was better than the one that the search started from, which tenure train goes on using."
    figures = (
        f"Trial {search.leading.number} has a log loss {abs(difference.value):.5f} below that of the first "
        f"({difference.low:+.5f} to {difference.high:+.5f}, 90 % interval, resampling accounts). The best of many is "
        "often best by chance, so 99.5 % confidence is asked for, and with that the difference is at most "
        f"{difference.upper:+.5f}"
    )
    if search.better:
        return f"{figures}: tenure train uses it."
    return f"{figures}: tenure train goes on using the first."


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@contextlib.contextmanager
def _bar(outcome: str, trials: int) -> Iterator[Callable[[Sequence[Trial], int], None]]:
    """A bar on stderr with the best so far; silent where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[best]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"trials of {outcome}", total=trials, best="cutting and binning")

        def moved(done: Sequence[Trial], total: int) -> None:
            values = [trial.value for trial in done if trial.state == "complete"]
            best = f"log loss {min(values):.5f} (start {values[0]:.5f})" if values else ""
            progress.update(task, completed=len(done), total=total, best=best)

        yield moved
