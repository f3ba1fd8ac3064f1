"""List: whom to call, what renews, who moved and the like, of a scored day."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from features.practice import STAGES
from serving.cli.options import DAY, run_of, settings_of, shared_options, store_of, store_option
from serving.lists import LISTS, MAX_COUNT, Asked, list_document

__all__ = ["lists"]


@click.command("list")
@click.argument("name", required=False, type=click.Choice(list(LISTS)), metavar="[NAME]")
@click.option("--csm", "csm_id", help="Only accounts of this CSM.")
@click.option("--segment", help="Only accounts of this segment, in any case of letters.")
@click.option("--stage", type=click.Choice(STAGES), help="Only accounts in this stage.")
@click.option("--band", help="Only accounts in this band of health, as in red.")
@click.option(
    "--count",
    type=click.IntRange(1, MAX_COUNT),
    help="Rows at most; how many a CSM can call in a week is [calls] capacity.  "
    "[default: that many for calls, 20 for movers, else 100]",
)
@click.option("--as-of", "as_of", type=DAY, help="The scored day that the list is of; the newest otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print what POST /lists would answer.")
@store_option
@shared_options
@click.pass_context
def lists(
    context: click.Context,
    name: str | None,
    csm_id: str | None,
    segment: str | None,
    stage: str | None,
    band: str | None,
    count: int | None,
    as_of: dt.date | None,
    as_json: bool,
    **_: object,
) -> None:
    """Show a list of accounts on a scored day; without NAME, which lists there are.

    Example: tenure list calls --csm C024
    """
    if name is None:
        return _print_names(as_json)
    from serving.cli.output import print_json
    from serving.said import Sayings
    from serving.store.store import Store

    settings = settings_of(context)
    with Store.open(store_of(context), create=False) as store:
        run = run_of(store, as_of)
        said = Sayings().of(store, name, dt.datetime.now(dt.UTC).date())
        asked = Asked(csm_id, segment, stage, band, count)
        document = list_document(name, run, store.book(run), settings, said, asked)
    if as_json:
        return print_json(document)
    from serving.cli.list_tables import print_list

    print_list(document)


def _print_names(as_json: bool) -> None:
    if as_json:
        from serving.cli.output import print_json

        found: list[dict[str, Any]] = [{"list": name, "says": kind.says} for name, kind in LISTS.items()]
        return print_json(found)
    wide = max(map(len, LISTS))
    for name, kind in LISTS.items():
        click.echo(f"{name:{wide}}  {kind.says}")
