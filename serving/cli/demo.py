"""The demo: everything Tenure does, on a company that it makes up."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click
import pandas as pd

from serving.cli.models import print_training
from serving.cli.options import home_of, settings_of, shared_options
from serving.cli.output import open_history, stages
from serving.cli.scores import print_calls, score_and_store
from training.achievable import beside_truth

__all__ = ["demo"]


@click.command()
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path("demo-company"), show_default=True
)
@click.option("--accounts", type=click.IntRange(200, 20_000), default=2000, show_default=True)
@click.option("--months", type=click.IntRange(24, 60), default=30, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@shared_options
@click.pass_context
def demo(context: click.Context, folder: Path, accounts: int, months: int, seed: int, **_: object) -> None:
    """Simulate a company, check, train and score it, and say whom to call.

    Example: tenure demo
    """
    from features.simulation import simulate
    from training.train import train

    tables, home = folder / "history", home_of(context, folder / ".tenure")
    settings = settings_of(context)
    with stages() as say:
        if not (tables / "usage.parquet").exists():
            say(f"making up {accounts:,} accounts over {months} months")
            simulate(accounts=accounts, months=months, seed=seed).write(tables)
        say("reading and validating the history")
        history = open_history(tables, settings, home)
        result = train(history, settings, home, progress=say)
        say("scoring")
        number = None if result.champion else int(result.version)
        as_of = history.observed_until
        scores, version = score_and_store(history, home, as_of, number)
    print_training(result)
    _print_truth(result.artifacts / "holdout.parquet", tables / "truth" / "churn.parquet", result.horizon)
    click.echo()
    click.echo(f"{as_of}: {len(scores):,} accounts scored with model version {version}.\n")
    print_calls(scores, result.horizon)
    program = "tenure" if shutil.which("tenure") else os.path.relpath(sys.argv[0])
    click.echo("\nWhat to run next:")
    for command, why in (
        (f"serve --home {home}", "the same answers over HTTP, on port 3000"),
        (f"check {tables}", "what is in the made-up history"),
        ("check YOUR-FOLDER", "your own: accounts, subscriptions and usage are enough"),
    ):
        click.echo(f"  {program} {command:<42}  {why}")


def _print_truth(holdout: Path, truth: Path, horizon: int) -> None:
    """How close the model came to the truth, which only a made-up company tells."""
    if horizon != 90:
        return
    found = beside_truth(pd.read_parquet(holdout), pd.read_parquet(truth))
    click.echo(
        f"\nThe truth is known here: log loss {found.prior:.4f} prior, {found.recency:.4f} recency, "
        f"{found.model:.4f} model, {found.truth:.4f} truth; the model reaches {100 * found.share:.0f} % of what "
        "anyone could."
    )
