"""Score: a day into the score store, and a file."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import pandas as pd

from features.errors import TenureError
from features.feature import DIMENSIONS
from serving.cli.jobs import one_at_a_time
from serving.cli.options import DAY, home_of, settings_of, shared_options, store_again, store_of, store_option
from serving.cli.output import open_history, print_json, progress_bar, require_folder, stages, whole
from success.calls import lowest_health
from success.health import display
from success.wording import odds
from training.tracking import note_inherited

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from features.history import History
    from features.settings import Settings
    from serving.job import Done
    from serving.store.store import Store

__all__ = ["FirstCalls", "first_calls", "print_scores", "score", "scored_days"]

_SHOWN = 5


class FirstCalls(NamedTuple):
    """Whom to call first.

    Parameters
    ----------
    rows : the first of `tenure list calls`; none where no model scored the day.
    snoozed : who is left in peace, of all accounts.
    left_out : accounts that would stand on the list if they were not snoozed.
    """

    rows: Sequence[Mapping[str, Any]] = ()
    snoozed: Collection[str] = ()
    left_out: int = 0


@click.command()
@one_at_a_time("score")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--as-of",
    "as_ofs",
    type=DAY,
    required=True,
    multiple=True,
    help="The day to score; may be given several times; today and yesterday are days too.",
)
@click.option("--since", type=DAY, help="Score every day from this one to the last --as-of.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A Parquet file to write too.")
@click.option("--version", "number", type=click.IntRange(1), help="Score with this version; the champion otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print what was scored, with what and where it is, as JSON.")
@store_option
@shared_options
@click.pass_context
def score(
    context: click.Context,
    folder: Path,
    as_ofs: tuple[dt.date, ...],
    since: dt.date | None,
    out: Path | None,
    number: int | None,
    as_json: bool,
    **_: object,
) -> None:
    """Score every account on a day, into the score store and a file.

    With the champions of churn and of expansion; where churn has none, with the rule-based scorecard, and it says so.
    A day is stored whole or not at all, and one that is stored with the same scores already stays as it is. Killed in
    the middle, it goes on where it was when it is run again.

    Example: tenure score company/ --as-of 2025-06-01 --out scores.parquet
    """
    from serving.store.store import Store

    home, days = home_of(context), _days(as_ofs, since)
    require_folder(out)
    told: list[dict[str, Any]] = []
    kept: list[Done] = []
    with Store.open(store_of(context)) as store:  # before the work that would be for nothing
        with stages() as say:
            say("reading the history")
            history = open_history(folder, settings_of(context), home)
        for done in scored_days(history, home, store, days, number):
            told.append(done.to_json())
            if out:
                kept.append(done)
            if not as_json and done.as_of != days[-1]:
                click.echo(_summary(done))
        calls = first_calls(store, done, history.settings)
    if out:
        _write_file(out, kept)
    last = told[-1]
    statuses = {f"accounts.{status}": count for status, count in last["statuses"].items()}
    versions = {key: last[key] or "none" for key in ("model_version", "expansion_version")}
    note_inherited(home, f"scores of {days[-1]}", versions, statuses)
    if as_json:
        aside = {name: count for name, count in history.report.failing.items() if count}
        several = {"days": told} if len(told) > 1 else {}
        warnings = {"warnings": history.report.warnings + last["warnings"]}
        return print_json(last | warnings | {"set_aside": aside, "out": out} | several)
    print_scores(done, calls)
    click.echo(f"\nNext: tenure serve --home {home}{store_again(context)}")


def _write_file(out: Path, days: list[Done]) -> None:
    """Write scored days into one score file, one row an account and day."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from serving.layout import table_of

    whole_file = pa.concat_tables([table_of(done.scores, done.as_of) for done in days])
    try:
        with whole(out) as draft:
            pq.write_table(whole_file, draft)
    except OSError as error:
        raise TenureError(f"{out} cannot be written ({error.strerror}); choose another with --out.") from None


def _days(as_ofs: tuple[dt.date, ...], since: dt.date | None) -> list[dt.date]:
    """The days that are asked for, each once, the oldest first."""
    last = max(as_ofs)
    if since is None:
        return sorted(set(as_ofs))
    if since > last:
        raise click.UsageError(f"--since {since} lies after the last --as-of, {last}.")
    return sorted({*as_ofs, *(since + dt.timedelta(days=n) for n in range((last - since).days + 1))})


def scored_days(
    history: History, home: Path, store: Store, days: list[dt.date], number: int | None = None
) -> Iterator[Done]:
    """Score and store days one after the other; what makes their scores say less than they seem to goes to stderr.

    Parameters
    ----------
    number : the version of churn to score with; None for the champion, and for the scorecard where there is none.

    Raises
    ------
    TenureError : a day cannot be scored or stored; those before it are stored.
    """
    from serving.job import champions_of, score_and_store

    said = set()
    champions = champions_of(home, number)
    for day in days:
        with progress_bar(f"scoring {day}") as progress:
            done = score_and_store(history, home, store, champions, day, progress)
        for sentence in done.warnings:
            kind = re.sub(r"\d+", "", sentence)
            if kind not in said:  # once, however many days are scored
                click.echo(f"Warning: {sentence}", err=True)
            said.add(kind)
        yield done


def _summary(done: Done) -> str:
    """One line on a scored day."""
    counts = ", ".join(f"{n:,} {status}" for status, n in done.scores["status"].value_counts().items())
    scored_by = "the rule-based scorecard"
    if done.forecast:
        also = f" of churn and {done.forecast.expansion.version} of expansion" if done.forecast.expansion else ""
        scored_by = f"model version {done.forecast.churn.version}{also}"
    stored = "stored" if done.written.new else "already stored"
    resumed = f"; went on after {done.resumed:,} accounts that were scored before" if done.resumed else ""
    return f"{done.as_of}: {len(done.scores):,} accounts with {scored_by} ({counts}); {stored}{resumed}."


def first_calls(store: Store, done: Done, settings: Settings) -> FirstCalls:
    """Whom to call first of a day that was just stored, as `tenure list calls` has it."""
    from serving.lists import Asked, Said, list_document
    from serving.store.feedback import snoozed

    away = snoozed(store, dt.datetime.now(dt.UTC).date())  # as those who call see it, whichever day is scored
    run = None if done.forecast is None else store.run_of(done.as_of)
    if run is None:
        ids = set(done.scores["account_id"])
        return FirstCalls(snoozed=away, left_out=len(ids & set(away)))
    document = list_document("calls", run, store.book(run), settings, Said(away), Asked(count=_SHOWN))
    return FirstCalls(document["rows"], away, document["summary"]["left_out"]["snoozed"])


def print_scores(done: Done, calls: FirstCalls) -> None:
    """What was scored with what, and the accounts to look at first, without those that are snoozed."""
    scores, forecast = done.scores, done.forecast
    click.echo(f"{_summary(done)}\n")
    if forecast is None:
        for reason in scores.loc[scores["health"].notna(), "reason"].head(1):
            click.echo(f"{reason}\n")
        _print_lowest_health(scores[~scores["account_id"].isin(list(calls.snoozed))])
    else:
        if forecast.not_validated:
            click.echo(f"Not validated in time, for want of history: {', '.join(forecast.not_validated)}.\n")
        _print_calls(scores, calls.rows, forecast.headline)
    if calls.left_out:
        click.echo(f"\nSnoozed, and left out here: {calls.left_out:,}.")


def _print_calls(scores: pd.DataFrame, calls: Sequence[Mapping[str, Any]], horizon: int) -> None:
    """The accounts to call first, each with its odds, the money at stake and three reasons."""
    if not calls:
        click.echo("No account stands out: the call list is empty.")
        return
    click.secho("Accounts to call first", bold=True, nl=False)
    typical = [call["typical"] for call in calls if call["by"] == "probability"]
    click.echo(f" (of typical accounts, {odds(typical[0])} leave in these {horizon} days)" if typical else "")
    told = scores.set_index("account_id", drop=False)
    for place, call in enumerate(calls, start=1):
        account = told.loc[call["account_id"]]
        name = account["name"] or account["account_id"]
        if call["by"] == "rules":
            click.echo(f"\n{place}. {name} ({account['account_id']}): {call['why']}")
            continue
        click.echo(
            f"\n{place}. {name} ({account['account_id']}): {account['reading']}; "
            f"{account['mrr_at_risk']:,.0f} of {account['mrr']:,.0f} MRR at risk{_health(account)}"
        )
        for driver in _reasons(json.loads(account["drivers"])):
            click.echo(f"   {100 * driver['points']:+5.1f} points  {driver['sentence']}")


def _health(account: pd.Series) -> str:
    """Its health and band, where a model told them."""
    health = account.get("health")
    return "" if health is None or pd.isna(health) else f"; health {display(float(health))} ({account['band']})"


def _print_lowest_health(scores: pd.DataFrame) -> None:
    """The accounts with the lowest rule-based health, each with its weakest dimensions."""
    found = lowest_health(scores, _SHOWN)
    if found.empty:
        click.echo("No account has a value that a rule of the scorecard could read.")
        return
    click.secho("Lowest health, rule-based", bold=True, nl=False)
    click.echo(" (0 to 100, higher is healthier; no probability stands behind it)")
    parts = [f"health_{name}" for name in DIMENSIONS if f"health_{name}" in scores]
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
