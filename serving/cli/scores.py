"""Commands on scores: score, serve."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import pandas as pd

from features.errors import TenureError
from serving.cli.jobs import one_at_a_time
from serving.cli.options import DAY, home_of, settings_of, shared_options
from serving.cli.output import open_history, print_json, require_folder, stages, whole
from success.calls import accounts_to_call, lowest_health
from success.wording import odds
from training.tracking import note_inherited

if TYPE_CHECKING:
    from features.history import History
    from serving.forecast import Forecast
    from training.registry import RegisteredModel

__all__ = ["print_scores", "score", "score_and_store", "serve"]


@click.command()
@one_at_a_time("score")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--as-of", "as_of", type=DAY, required=True, help="The day to score; today and yesterday are days too.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A Parquet file to write too.")
@click.option("--version", "number", type=click.IntRange(1), help="Score with this version; the champion otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print what was scored, with what and into which file, as JSON.")
@shared_options
@click.pass_context
def score(
    context: click.Context,
    folder: Path,
    as_of: dt.date,
    out: Path | None,
    number: int | None,
    as_json: bool,
    **_: object,
) -> None:
    """Score every account on a day, into the score store and a file.

    With the champions of churn and of expansion; where churn has none, with the rule-based scorecard, and it says so.

    Example: tenure score company/ --as-of 2025-06-01 --out scores.parquet
    """
    settings, home = settings_of(context), home_of(context)
    require_folder(out)
    with stages() as say:
        say("reading the history")
        history = open_history(folder, settings, home)
        say("scoring")
        done = score_and_store(history, home, as_of, number)
    if out:
        try:
            with whole(out) as draft:
                shutil.copyfile(done.file, draft)
        except OSError as error:
            raise TenureError(f"{out} cannot be written ({error.strerror}); choose another with --out.") from None
    told = done.to_json()
    statuses = {f"accounts.{status}": count for status, count in told["statuses"].items()}
    versions = {key: told[key] or "none" for key in ("model_version", "expansion_version")}
    note_inherited(home, f"scores of {as_of}", versions, statuses)
    if as_json:
        aside = {name: count for name, count in history.report.failing.items() if count}
        return print_json(told | {"warnings": history.report.warnings + done.warnings, "set_aside": aside, "out": out})
    print_scores(done)
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


class Done(NamedTuple):
    """A scored day, the models that scored it (None for the scorecard), the file that it is stored in, and doubts."""

    scores: pd.DataFrame
    forecast: Forecast | None
    as_of: dt.date
    file: Path
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        """What a job's log should tell of it; the scores themselves are in the file."""
        forecast = self.forecast
        return {
            "as_of": self.as_of,
            "accounts": len(self.scores),
            "statuses": self.scores["status"].value_counts().to_dict(),
            "model_version": forecast and forecast.churn.version,
            "expansion_version": forecast and forecast.expansion and forecast.expansion.version,
            "not_validated_in_time": forecast and forecast.not_validated,
            "file": self.file,
            "warnings": self.warnings,
        }


def score_and_store(history: History, home: Path, as_of: dt.date, number: int | None) -> Done:
    """Score a day and store it whole; what makes the scores say less than they seem to is told on stderr too.

    Parameters
    ----------
    number : the version of churn to score with; None for the champion, and for the scorecard where there is none.

    Raises
    ------
    TenureError : there is no such version, a model cannot be read, or the scores cannot be stored.
    """
    from serving.forecast import Forecast, champion_of_expansion, load_model
    from serving.scores import write_day
    from serving.scoring import NO_MODEL, NOT_PASSED, lateness, score_day, score_day_by_rules
    from training import registry

    now = dt.datetime.now(dt.UTC)
    registered = registry.version(home, number) if number else registry.champion(home)
    forecast = None
    doubts: list[str] = []
    if registered is None:
        scores = score_day_by_rules(history, as_of, now, NOT_PASSED if registry.challenger(home) else NO_MODEL)
    else:
        try:
            model = load_model(registered)
        except ValueError as error:
            raise TenureError(
                f"Model version {registered.version} cannot be read: {error} Train again, or go back with "
                "tenure promote churn --rollback."
            ) from None
        doubts += _doubts(registered, history, as_of)
        expansion, trouble = champion_of_expansion(home)
        doubts += [trouble] if trouble else []
        forecast = Forecast(model, expansion)
        scores = score_day(history, forecast, as_of, now)
    if late := lateness(history, as_of):
        doubts.append(f"{late} The scores speak of that older state.")
    for sentence in doubts:
        click.echo(f"Warning: {sentence}", err=True)
    try:
        file = write_day(home, scores, as_of)
    except OSError as error:
        raise TenureError(f"The scores cannot be stored in {home} ({error.strerror}); nothing was changed.") from None
    return Done(scores, forecast, as_of, file, doubts)


def _doubts(model: RegisteredModel, history: History, as_of: dt.date) -> list[str]:
    """What makes scores say less than they seem to: tables that are gone, a day that the model has learned from."""
    from training.monitoring import REFERENCE_FILE

    found = []
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        reference = json.loads((model.folder / REFERENCE_FILE).read_text(encoding="utf-8"))
        if gone := sorted(set(reference["tables"]) - history.tables):
            found.append(
                f"The model was trained with {', '.join(gone)}, which this history does not have; their features count "
                "as missing."
            )
    known_on = model.card.get("known_on")
    if isinstance(known_on, str) and as_of.isoformat() < known_on:
        found.append(
            f"The model has learned from what happened until {known_on}; scores of {as_of} look better than they were."
        )
    return found


def print_scores(done: Done, count: int = 5) -> None:
    """What was scored with what, and the accounts to look at first."""
    scores, forecast = done.scores, done.forecast
    counts = ", ".join(f"{n:,} {status}" for status, n in scores["status"].value_counts().items())
    if forecast is None:
        click.echo(f"{done.as_of}: {len(scores):,} accounts with the rule-based scorecard ({counts}).\n")
        for reason in scores.loc[scores["health"].notna(), "reason"].head(1):
            click.echo(f"{reason}\n")
        _print_lowest_health(scores, count)
        return
    also = f" of churn and {forecast.expansion.version} of expansion" if forecast.expansion else ""
    click.echo(
        f"{done.as_of}: {len(scores):,} accounts with model version {forecast.churn.version}{also} ({counts}).\n"
    )
    if forecast.not_validated:
        click.echo(f"Not validated in time, for want of history: {', '.join(forecast.not_validated)}.\n")
    _print_calls(scores, forecast.headline, count)


def _print_calls(scores: pd.DataFrame, horizon: int, count: int) -> None:
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


def _print_lowest_health(scores: pd.DataFrame, count: int) -> None:
    """The accounts with the lowest rule-based health, each with its weakest dimensions."""
    found = lowest_health(scores, count)
    if found.empty:
        click.echo("No account has a value that a rule of the scorecard could read.")
        return
    click.secho("Lowest health, rule-based", bold=True, nl=False)
    click.echo(" (0 to 100, higher is healthier; no probability stands behind it)")
    parts = [name for name in scores.columns if name.startswith("health_") and name != "health_source"]
    for place, (_, account) in enumerate(found.iterrows(), start=1):
        name = account["name"] or account["account_id"]
        weakest = account[parts].astype(float).dropna().sort_values(kind="stable").head(3)
        told = ", ".join(f"{str(part).removeprefix('health_')} {value:.0f}" for part, value in weakest.items())
        click.echo(
            f"\n{place}. {name} ({account['account_id']}): health {account['health']:.0f}; "
            f"{account['mrr']:,.0f} MRR\n   weakest: {told}"
        )


def _reasons(drivers: list[dict[str, Any]], count: int = 3) -> list[dict[str, Any]]:
    """What raises the risk most, what a CSM can act on first."""
    raising = [d for d in drivers if d["points"] > 0][:count]
    return sorted(raising, key=lambda d: not d["actionable"])
