"""The demo: everything Tenure does, on a company that it makes up."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pandas as pd

from features.errors import TenureError
from serving.cli.figures import print_training
from serving.cli.jobs import only_one
from serving.cli.options import home_of, settings_of, shared_options, store_of, store_option
from serving.cli.output import open_history, stages
from serving.cli.scores import FirstCalls, first_calls, print_scores, scored_days

if TYPE_CHECKING:
    from serving.job import Done
    from training.train import TrainResult

__all__ = ["demo"]


@click.command()
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path("demo-company"), show_default=True
)
@click.option("--accounts", type=click.IntRange(200, 20_000), default=2000, show_default=True)
@click.option("--months", type=click.IntRange(24, 60), default=30, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@store_option
@shared_options
@click.pass_context
def demo(context: click.Context, folder: Path, accounts: int, months: int, seed: int, **_: object) -> None:
    """Simulate a company, check it, train churn and expansion, score it, and say whom to call.

    Example: tenure demo
    """
    from features.simulation import simulate
    from serving.job import champions_of, score_and_store
    from serving.store.store import Store
    from training.dataset import load_dataset
    from training.train import train_dataset

    tables, home = folder / "history", home_of(context, folder / ".tenure")
    settings = settings_of(context)
    with only_one(home, "train"), stages() as say:
        if not (tables / "usage.parquet").exists():
            say(f"making up {accounts:,} accounts over {months} months")
            simulate(accounts=accounts, months=months, seed=seed).write(tables)
        say("reading and validating the history")
        history = open_history(tables, settings, home)
        say("building features and labels")
        dataset = load_dataset(history, settings)
        results: dict[str, TrainResult] = {}
        refused: dict[str, str] = {}
        for outcome in ("churn", "expansion"):
            try:
                results[outcome] = train_dataset(dataset, settings, home, outcome=outcome, progress=say)
            except TenureError as error:  # a small company may have too little of one of them
                refused[outcome] = str(error)
    churn = results.get("churn")
    number = int(churn.version) if churn and not churn.champion else None
    with Store.open(store_of(context, folder / ".tenure")) as store:
        last = history.observed_until
        # The week before too, so that there is something to say of what has changed since.
        score_and_store(history, home, store, champions_of(home, number), last - dt.timedelta(7))
        (done,) = scored_days(history, home, store, [last], number)
        calls = first_calls(store, done, settings)
    for result in results.values():
        print_training(result)
        _print_truth(result, tables / "truth")
        click.echo()
    for outcome, why in refused.items():
        click.echo(f"{outcome.capitalize()} was not fitted: {why}\n")
    print_scores(done, calls)
    program = "tenure" if shutil.which("tenure") else os.path.relpath(sys.argv[0])
    click.echo("\nWhat to run next:")
    steps = (
        (f"list calls --home {home}", "whom each CSM should call; `list` alone says which lists there are"),
        (
            f"list movers --home {home}",
            "whose health moved most since last week, and why (a week that the model knew)",
        ),
        (f"brief --home {home} {_first(done, calls)}", "one page on the first of them"),
        (f"roi {tables} --home {home}", "revenue, and what each CSM brought"),
        (f"token create --home {home} --name me --scope score", "a token, which every request needs; it is shown once"),
        (f"serve --home {home}", "the same answers over HTTP, on port 3000"),
        (f"check {tables}", "what is in the made-up history"),
        ("check YOUR-FOLDER", "your own: accounts, subscriptions and usage are enough"),
    )
    width = max(len(command) for command, _ in steps)
    for command, why in steps:
        click.echo(f"  {program} {command:<{width}}  {why}")


def _first(done: Done, calls: FirstCalls) -> str:
    """The account to call first; where there is none the one with the most revenue at risk."""
    if calls.rows:
        return str(calls.rows[0]["account_id"])
    return str(done.scores.sort_values("mrr_at_risk", ascending=False)["account_id"].iloc[0])


def _print_truth(result: TrainResult, truth: Path) -> None:
    """How close the model came to the truth, which only a made-up company tells."""
    days = pd.read_parquet(truth / f"{result.outcome}.parquet")
    if f"p_{result.outcome}_{result.headline}d" not in days.columns:  # other horizons in the settings
        return
    from training.achievable import beside_truth

    found = beside_truth(pd.read_parquet(result.artifacts / "holdout.parquet"), days, result.headline, result.outcome)
    click.echo(
        f"\nThe truth is known here, at {result.headline} days: log loss {found.prior:.4f} prior, "
        f"{found.recency:.4f} recency, {found.model:.4f} model, {found.truth:.4f} truth; the model reaches "
        f"{100 * found.share:.0f} % of what anyone could."
    )
