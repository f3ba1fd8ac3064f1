"""Commands on scores: score, serve."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pandas as pd

from features.errors import TenureError
from serving.cli.options import DAY, home_of, settings_of, shared_options
from serving.cli.output import open_history, require_folder, stages
from success.calls import accounts_to_call
from success.wording import odds

if TYPE_CHECKING:
    from features.history import History

__all__ = ["print_calls", "score", "serve"]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--as-of", "as_of", type=DAY, required=True, help="The day to score.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A Parquet file to write too.")
@click.option("--version", "number", type=click.IntRange(1), help="Score with this version; the champion otherwise.")
@shared_options
@click.pass_context
def score(
    context: click.Context, folder: Path, as_of: dt.date, out: Path | None, number: int | None, **_: object
) -> None:
    """Score every account on a day, into the score store and a file.

    Example: tenure score company/ --as-of 2025-06-01 --out scores.parquet
    """
    settings, home = settings_of(context), home_of(context)
    require_folder(out)
    with stages() as say:
        say("reading the history")
        history = open_history(folder, settings, home)
        say("scoring")
        scores, version = score_and_store(history, home, as_of, number)
    if out:
        try:
            scores.to_parquet(out, index=False)
        except OSError as error:
            raise TenureError(f"{out} cannot be written ({error.strerror}); choose another with --out.") from None
    counts = ", ".join(f"{n:,} {status}" for status, n in scores["status"].value_counts().items())
    click.echo(f"{as_of}: {len(scores):,} accounts with model version {version} ({counts}).\n")
    for reason in scores.loc[scores["status"] == "stale", "reason"].head(1):
        click.echo(f"{reason} The scores speak of that older state.\n")
    print_calls(scores, horizon_of(scores))
    click.echo(f"\nNext: tenure serve --home {home}")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
@shared_options
@click.pass_context
def serve(context: click.Context, host: str, port: int, workers: int, **_: object) -> None:
    """Serve the latest scores and the champion over HTTP.

    Requests need no token in this version: keep it on an address that only you can reach.

    Example: tenure serve --port 3000
    """
    from serving.launch import serve as run

    home = home_of(context)
    click.echo(f"Serving {home} on http://{host}:{port}; stop with Ctrl-C.", err=True)
    run(home, host, port, workers)


def score_and_store(history: History, home: Path, as_of: dt.date, number: int | None) -> tuple[pd.DataFrame, str]:
    """Score a day with a registered version and store it whole; the scores and the version."""
    from serving.scores import write_day
    from serving.scoring import score_day
    from training import registry
    from training.kernel import Kernel

    model = registry.version(home, number) if number else registry.champion(home)
    if model is None:
        raise TenureError(
            f"No model under {home} is champion yet; run `tenure train`, or name a registered version with --version."
        )
    try:
        kernel = Kernel.load(model.folder)
    except ValueError as error:
        raise TenureError(f"Model version {model.version} cannot be read: {error}") from None
    scores = score_day(history, kernel, model.version, as_of, dt.datetime.now(dt.UTC))
    try:
        write_day(home, scores, as_of)
    except OSError as error:
        raise TenureError(f"The scores cannot be stored in {home} ({error.strerror}); nothing was changed.") from None
    return scores, model.version


def horizon_of(scores: pd.DataFrame) -> int:
    """The days ahead that a score frame looks."""
    return next(int(c[6:-1]) for c in scores.columns if c.startswith("churn_") and c.endswith("d"))


def print_calls(scores: pd.DataFrame, horizon: int, count: int = 5) -> None:
    """The accounts to call first, each with its odds, the money at stake and three reasons."""
    calls = accounts_to_call(scores, horizon, count)
    if calls.empty:
        click.echo("No account stands out: none is above the typical account's risk.")
        return
    click.secho("Accounts to call first", bold=True, nl=False)
    typical = float(calls[f"typical_{horizon}d"].iloc[0])
    click.echo(f" (of typical accounts, {odds(typical)} leave in these {horizon} days)")
    for place, (_, account) in enumerate(calls.iterrows(), start=1):
        name = account["name"] or account["account_id"]
        click.echo(
            f"\n{place}. {name} ({account['account_id']}): {account['reading']}; "
            f"{account['mrr_at_risk']:,.0f} of {account['mrr']:,.0f} MRR at risk"
        )
        for driver in _reasons(json.loads(account["drivers"])):
            click.echo(f"   {100 * driver['points']:+5.1f} points  {driver['sentence']}")


def _reasons(drivers: list[dict[str, Any]], count: int = 3) -> list[dict[str, Any]]:
    """What raises the risk most, what a CSM can act on first."""
    raising = [d for d in drivers if d["points"] > 0][:count]
    return sorted(raising, key=lambda d: not d["actionable"])
