"""Brief and blindsided: one page on an account, and a look back at who left."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from features.errors import TenureError
from serving.cli.options import DAY, run_of, settings_of, shared_options, store_of, store_option
from serving.cli.output import print_json, table

if TYPE_CHECKING:
    from serving.store.reading import Run
    from serving.store.store import Store

__all__ = ["blindsided", "brief"]

_ROWS = 25
"""Accounts that are shown on a terminal unless told otherwise."""


@click.command()
@click.argument("account_id", metavar="ACCOUNT")
@click.option("--as-of", "as_of", type=DAY, help="A scored day; the newest otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print it part by part as JSON, with the Markdown beside it.")
@store_option
@shared_options
@click.pass_context
def brief(context: click.Context, account_id: str, as_of: dt.date | None, as_json: bool, **_: object) -> None:
    """One page of Markdown on an account: how healthy it is and why, what changed, what was talked about, what to do.

    Everything comes from the score store; what is not on record is said to be.

    Example: tenure brief A123456 --as-of 2025-06-01
    """
    from serving.briefs import brief_document
    from serving.store.store import Store

    settings = settings_of(context)
    with Store.open(store_of(context), create=False) as store:
        run = run_of(store, as_of)
        row = store.rows(run, [account_id]).get(account_id)
        if row is None:
            raise _unknown(store, run, account_id)
        document = brief_document(store, run, row, settings)
    if as_json:
        return print_json(document)
    click.echo(document["markdown"], nl=False)


@click.command()
@click.option("--since", type=DAY, required=True, help="The first day of the period.")
@click.option("--until", type=DAY, required=True, help="The last day of the period.")
@click.option("--csm", "csm_id", help="Only accounts that this CSM looked after.")
@click.option(
    "--count", type=click.IntRange(1), default=_ROWS, show_default=True, help="Accounts to show; --json has them all."
)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@store_option
@shared_options
@click.pass_context
def blindsided(
    context: click.Context,
    since: dt.date,
    until: dt.date,
    csm_id: str | None,
    count: int,
    as_json: bool,
    **_: object,
) -> None:
    """Whether those who left in a period were seen coming: their band 90, 60 and 30 days before, never flagged first.

    Beside it how many of those that were flagged left, and the stated reasons for leaving beside the drivers of 60
    days before. It needs days that were scored then.

    Example: tenure blindsided --since 2025-04-01 --until 2025-06-30
    """
    from serving.blindsided import look_back
    from serving.store.store import Store

    if since > until:
        raise click.UsageError(f"--since {since} lies after --until {until}.")
    settings = settings_of(context)
    with Store.open(store_of(context), create=False) as store:
        run = run_of(store, None)
        document = look_back(store, run, store.book(run), settings, since, until, csm_id).to_json()
    if as_json:
        return print_json(document)
    for sentence in document["sentences"]:
        click.echo(sentence)
    if document["lost"]:
        click.echo()
        _print_lost(document["lost"], document["agreement"], count)
        _print_agreement(document["agreement"])


def _print_lost(lost: list[dict[str, Any]], reasons: Collection[str], count: int) -> None:
    """The accounts that left, with what was told of them before."""
    from success.blindsided import NOT_ON_RECORD, NOT_STATED

    shown = lost[:count]
    without = [name for name in (NOT_STATED, NOT_ON_RECORD) if name in reasons]
    days = list(shown[0]["before"])
    rows = [
        [
            escape(f"{one['name']} ({one['account_id']})" if one["name"] else one["account_id"]),
            one["churned_on"],
            "-" if one["mrr"] is None else f"{one['mrr']:,.0f}",
            *(_seen(one["before"][number]) for number in days),
            escape(", ".join(one["exit_reasons"]).replace("_", " ") or " or ".join(without)),
        ]
        for one in shown
    ]
    more = f", the first {len(shown)} of {len(lost):,}" if len(lost) > len(shown) else ""
    columns = ["account", "left on", "MRR", *(f"{number} days before" for number in days), "stated reason"]
    table(f"Who left, those never flagged first{more}", columns, rows, right=len(columns))


def _seen(look: dict[str, Any] | None) -> str:
    if look is None:
        return "not scored"
    if look["band"] is None:
        return "under notice" if look["status"] == "notice_given" else "not scored"
    return f"{escape(look['band'])} {look['health']}"


def _print_agreement(agreement: dict[str, dict[str, int]]) -> None:
    """Stated reasons by what the largest driver was about."""
    names = list(dict.fromkeys(name for counts in agreement.values() for name in counts))
    rows = [
        [escape(reason.replace("_", " ")), *(f"{counts.get(name, 0) or '-'}" for name in names)]
        for reason, counts in agreement.items()
    ]
    click.echo()
    table("Stated reasons by the dimension of the largest driver, 60 days before", ["reason", *names], rows)


def _unknown(store: Store, run: Run, account_id: str) -> TenureError:
    """No such account, and one that is spelt nearly so where there is one."""
    folded = {account.casefold(): account for account in store.book(run)["account_id"]}
    near = get_close_matches(account_id.strip().casefold()[:200], folded, 1, 0.7)
    hint = f"did you mean {folded[near[0]]}?" if near else "look for it with `tenure list`."
    return TenureError(f"No account {account_id[:80]!r} is among those scored on {run.as_of}; {hint}")
