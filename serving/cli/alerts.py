"""Commands on alerts: alerts run, alerts list, alerts dead, alerts test."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from features.errors import TenureError
from serving.cli.jobs import one_at_a_time
from serving.cli.options import (
    DAY,
    home_of,
    said_again,
    settings_of,
    shared_options,
    store_again,
    store_of,
    store_option,
)
from serving.cli.output import print_json, table

if TYPE_CHECKING:
    from features.settings import Settings
    from serving.alerting.deliver import Delivered
    from serving.alerting.evaluate import DayDone
    from serving.store.store import Store

__all__ = ["alerts"]


@click.group()
@shared_options
@store_option
def alerts(**_: object) -> None:
    """Tell somebody when an account has changed for the worse: once, and once more when that is over.

    The rules are [[alerts]] in tenure.toml, the receiver is [webhook]; docs/alerts.md says what it is sent.

    Example: tenure alerts run
    """


@alerts.command()
@one_at_a_time("alerts")
@click.option("--since", type=DAY, help="Where a rule that is new begins; the newest scored day otherwise.")
@click.option("--until", type=DAY, help="The last scored day to look at; the newest otherwise.")
@click.option("--no-deliver", is_flag=True, help="Send nothing; a later run does.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of each day and of the messages as JSON.")
@shared_options
@store_option
@click.pass_context
def run(
    context: click.Context, since: dt.date | None, until: dt.date | None, no_deliver: bool, as_json: bool, **_: object
) -> None:
    """Look at the days that were scored since the last run, and send what opened and what is over.

    Killed in the middle, it goes on where it was when it is run again. What cannot be delivered now is tried again by
    the runs to come, until it is given up; then the exit code is 1.

    Example: tenure alerts run --until yesterday
    """
    from serving.alerting.evaluate import evaluate_days, overtaken

    settings, home = settings_of(context), home_of(context)
    send = settings.webhook.url is not None and not no_deliver
    secret = _secret(settings) if send else b""  # before the work, so that a missing one is not found out at night
    with _opened(context) as store:
        since = since or _newest(store, until)
        days = []
        for done in evaluate_days(store, settings, since=since, until=until):
            days.append(done)
            if not as_json:
                click.echo(_day_told(done))
        late = overtaken(store, settings)
        delivered = None
        if send:
            from serving.alerting.deliver import deliver

            delivered = deliver(store, home, settings.webhook, secret)
        waiting = delivered.waiting if delivered else _waiting(store)
    if as_json:
        print_json(_told(days, late, delivered, waiting))
    else:
        _print_run(settings, days, late, delivered, waiting)
    if delivered and delivered.dead:
        from serving.alerting.dead import DEAD_FILE

        raise TenureError(
            f"{_count(delivered.dead, 'message')} could not be delivered (the receiver {delivered.trouble}) and "
            f"{'lies' if delivered.dead == 1 else 'lie'} in {home / DEAD_FILE}; see `tenure alerts dead`."
        )


@alerts.command("list")
@click.option("--csm", "csm_id", help="Only of accounts that this CSM looked after.")
@click.option(
    "--open/--all", "only_open", default=True, help="Only what is open, or what is over too.  [default: open]"
)
@click.option("--since", type=DAY, help="Only what opened or was over on this day or later.")
@click.option(
    "--withheld", is_flag=True, help="Those of control arms too, which nobody who works with them should see."
)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@shared_options
@store_option
@click.pass_context
def list_(
    context: click.Context,
    csm_id: str | None,
    only_open: bool,
    since: dt.date | None,
    withheld: bool,
    as_json: bool,
    **_: object,
) -> None:
    """Show the alerts that are open, the newest first.

    Example: tenure alerts list --csm C024 --all --since 2025-06-01
    """
    from serving.alerting.reading import alerts_of

    with _opened(context) as store:
        known = alerts_of(store, closed=not only_open, csm_id=csm_id, since=since, withheld=withheld)
    if as_json:
        return print_json([one.to_json() for one in known])
    if not known:
        return click.echo("No alert is open." if only_open else "There is no alert.")
    columns = ["opened", "over", "csm", "account", "what"]
    rows = [
        [
            str(one.opened_on),
            str(one.closed_on or ""),
            *map(escape, (one.csm_id or "", one.account_id, _what(one.detail))),
        ]
        for one in known
    ]
    table("Alerts", columns, rows, right=len(columns))


@alerts.command()
@click.option(
    "--retry", "id_", metavar="ID", help="Try this message again with the next run; its first letters will do."
)
@click.option("--retry-all", is_flag=True, help="Try all of them again with the next run.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@shared_options
@store_option
@click.pass_context
def dead(context: click.Context, id_: str | None, retry_all: bool, as_json: bool, **_: object) -> None:
    """Show the messages that were given up, or try them again.

    Example: tenure alerts dead --retry-all
    """
    from serving.alerting import outbox

    if id_ is not None and retry_all:
        raise click.UsageError("--retry and --retry-all exclude one another.")
    with _opened(context) as store:
        if id_ is not None or retry_all:
            count = outbox.retry(store, id_)
            if as_json:
                return print_json({"retried": count})
            again = f"tenure alerts run{said_again(context)}{store_again(context)}"
            return click.echo(f"{_count(count, 'message')} will be sent by the next run: {again}")
        known = outbox.dead(store)
    if as_json:
        return print_json([{k: v for k, v in letter._asdict().items() if k != "body"} for letter in known])
    if not known:
        return click.echo("No message was given up.")
    rows = [
        [letter.id[:12], str(letter.created_on), letter.kind, *map(escape, (letter.rule, letter.account_id)),
         str(letter.attempts), escape(letter.last_error or "")]
        for letter in known
    ]  # fmt: skip
    columns = ["id", "day", "kind", "rule", "account", "attempts", "the receiver"]
    table("Messages that were given up", columns, rows, right=len(columns))


@alerts.command("test")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
@shared_options
@store_option
@click.pass_context
def try_receiver(context: click.Context, as_json: bool, **_: object) -> None:
    """Send the receiver one signed message of the kind "test", which speaks of no account.

    Example: tenure alerts test
    """
    from serving.alerting.testing import send_test

    settings = settings_of(context)
    if settings.webhook.url is None:
        raise TenureError("There is no receiver to try; give it as url in the section [webhook] of tenure.toml.")
    id_, answer = send_test(settings.webhook, _secret(settings))
    if as_json:
        print_json({"id": id_, "status": answer.status, "arrived": answer.arrived, "error": answer.error or None})
    if not answer.arrived:
        raise TenureError(
            f"The test message has not arrived: the receiver {answer}; correct [webhook] or the receiver."
        )
    if not as_json:
        click.echo(f"The test message {id_} has arrived: the receiver {answer}.")


@contextlib.contextmanager
def _opened(context: click.Context) -> Iterator[Store]:
    """The store; where there is none there is nothing to tell of, and that is said."""
    from serving.store.store import Store

    with Store.open(store_of(context), create=False) as store:
        yield store


def _secret(settings: Settings) -> bytes:
    """The secret to sign with; a warning where what is signed can be read on its way."""
    from serving.alerting.sending import in_the_open
    from serving.alerting.signing import secret_of

    if settings.webhook.url is not None and in_the_open(settings.webhook.url):
        click.echo("Warning: [webhook] url is not https, so names of customers can be read on their way.", err=True)
    return secret_of(settings.webhook.secret_env)


def _newest(store: Store, until: dt.date | None) -> dt.date | None:
    """The newest scored day, at which rules begin that are new: years of old alerts are news to nobody."""
    if until is None:
        latest = store.latest()
        return latest.as_of if latest else None
    from serving.store.reading import run_before

    with store.reading() as connection:
        before = run_before(connection, until + dt.timedelta(days=1))
    return before.as_of if before else None


def _waiting(store: Store) -> int:
    from serving.alerting import outbox

    return len(outbox.waiting(store))


def _told(days: list[DayDone], late: list[dt.date], delivered: Delivered | None, waiting: int) -> dict[str, Any]:
    totals = {name: sum(getattr(done, name) for done in days) for name in ("opened", "cleared", "withheld", "queued")}
    sent = {"delivered": delivered.delivered if delivered else 0, "dead": delivered.dead if delivered else 0}
    trouble = {"trouble": delivered.trouble or None if delivered else None}
    told = [{name: value for name, value in vars(done).items() if name != "warnings"} for done in days]
    more = {"left_out": late, "warnings": _warnings(days)}
    return {"days": told, **totals, **sent, "waiting": waiting, **trouble, **more}


def _warnings(days: list[DayDone]) -> list[str]:
    """Those of the newest day: what an older one lacked is nothing to mend."""
    return list(days[-1].warnings) if days else []


def _print_run(
    settings: Settings, days: list[DayDone], late: list[dt.date], delivered: Delivered | None, waiting: int
) -> None:
    if not days:
        click.echo("No scored day is new to the rules.")
    if late:
        said = ", ".join(map(str, late[:3])) + (" and more" if len(late) > 3 else "")
        click.echo(f"Left out, since later days had been looked at before they were scored: {said}.", err=True)
    for warning in _warnings(days):
        click.echo(f"Warning: {warning}", err=True)
    if delivered:
        click.echo(
            f"{_count(delivered.delivered, 'message')} delivered, {delivered.dead:,} given up, {waiting:,} waiting."
        )
        if waiting:
            click.echo(f"The receiver {delivered.trouble}; the next run tries again.", err=True)
    elif settings.webhook.url is None:
        click.echo("Nobody is told, since there is no [webhook] in the settings; see `tenure alerts list`.")
    else:
        click.echo(f"{_count(waiting, 'message')} waiting for a run without --no-deliver.")


def _day_told(done: DayDone) -> str:
    aside = f" ({done.withheld:,} of them withheld, in a control arm)" if done.withheld else ""
    return f"{done.as_of}: {done.opened:,} opened{aside}, {done.cleared:,} cleared."


def _what(detail: dict[str, Any]) -> str:
    return str((detail.get("cleared") or detail)["sentence"])


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
