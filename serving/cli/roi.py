"""Roi: what was earned in a period and what each CSM was worth, against what was expected before it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from features.errors import TenureError
from serving.cli.jobs import one_at_a_time
from serving.cli.options import DAY, home_of, settings_of, shared_options, store_again, store_of, store_option
from serving.cli.output import open_history, print_json, require_folder, stages, whole
from serving.reports import GROUPINGS, revenue_document, roi_document
from success.periods import Period

if TYPE_CHECKING:
    from features.history import History
    from serving.accounting import Accounts
    from serving.store.reports import Report
    from serving.store.store import Store

__all__ = ["roi"]

_FILE = click.Path(dir_okay=False, path_type=Path)
_PERIOD = "2025Q3, 2025-07 or 2025.  [default: the last quarter that is over and whose costs are known]"
_SOME = 8
"""CSMs that an error names."""


class _PeriodName(click.ParamType):
    """A period as it is called."""

    name = "period"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Period:
        if isinstance(value, Period):
            return value
        try:
            return Period.parse(value)
        except TenureError as error:
            self.fail(str(error), param, ctx)


@click.command()
@one_at_a_time("roi")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--period", type=_PeriodName(), help=_PERIOD)
@click.option("--csm", "csm_id", help="Tell all of this CSM.")
@click.option("--all", "everybody", is_flag=True, help="Tell all of every CSM.")
@click.option("--as-of", "known_on", type=DAY, help="As known on that day; the end of the observed period otherwise.")
@click.option("--by", type=click.Choice(GROUPINGS), help="Tell what was earned by this too.")
@click.option("--json", "as_json", is_flag=True, help="Print what POST /roi and POST /revenue answer.")
@click.option("--csv", "rows", type=_FILE, help="Write every figure, with its formula, to this CSV file too.")
@click.option("--html", type=_FILE, help="Write the quarter to this HTML file too, to be printed.")
@store_option
@shared_options
@click.pass_context
def roi(
    context: click.Context,
    folder: Path,
    period: Period | None,
    csm_id: str | None,
    everybody: bool,
    known_on: dt.date | None,
    by: str | None,
    as_json: bool,
    rows: Path | None,
    html: Path | None,
    **_: object,
) -> None:
    """What was earned in a period and what each CSM was worth, against what was expected before it.

    What was expected is what `tenure score` has frozen; where it has not, it is worked out from what was known then,
    and marked so. The service answers POST /roi and POST /revenue with what this command has found last.

    Example: tenure roi company/ --period 2025Q3 --all
    """
    from serving.store.reports import keep
    from serving.store.store import Store

    if csm_id is not None and everybody:
        raise click.UsageError("--csm names one CSM and --all means every one; leave one of them out.")
    home = home_of(context)
    for file in (rows, html):
        require_folder(file)
    with Store.open(store_of(context)) as store:  # before the work that would be for nothing
        with stages() as say:
            say("reading the history")
            history = open_history(folder, settings_of(context), home)
            found = _found(history, home, store, period, known_on, say, trend=html is not None)
        reports = keep(store, found.reports(dt.datetime.now(dt.UTC)))
    worth, *earned = reports
    told = roi_document(worth, csm_id)
    if told is None:
        raise _unknown(worth.body, csm_id)
    revenue = {one.by: revenue_document(one) for one in earned}
    if rows:
        _write(rows, "--csv", lambda: _csv(found, by))
    if html:
        _write(html, "--html", lambda: _page(found, reports, by))
    if as_json:
        return print_json({"roi": told, "revenue": revenue[by or ""]})
    from serving.cli.roi_tables import print_roi

    print_roi(told, revenue[by or ""], details=csm_id is not None or everybody)
    click.echo(f"\nNext: tenure serve --home {home}{store_again(context)}, which answers POST /roi and POST /revenue")


def _found(
    history: History,
    home: Path,
    store: Store,
    period: Period | None,
    known_on: dt.date | None,
    say: Callable[[str], None],
    *,
    trend: bool,
) -> Accounts:
    """What there is to tell, of the period and the day that are meant."""
    from serving.accounting import account_for, day_known, usual_period

    as_of = day_known(history, period, known_on)
    if known_on is not None and as_of != known_on:
        name = period.name if period else "it"
        told = f"nothing was observed on or after {as_of}, so that {name} is told up to then."
        click.echo(f"Warning: {told}", err=True)
    return account_for(history, home, store, period or usual_period(history, as_of), as_of, say, trend=trend)


def _csv(found: Accounts, by: str | None) -> str:
    from serving.report_rows import csv_of

    return csv_of(found.rows(by or ""))


def _page(found: Accounts, reports: list[Report], by: str | None) -> str:
    """The quarter of everybody, also where one CSM is told of: who prints it, chooses the sheets."""
    from serving.quarter_page import quarter_html

    worth, *earned = reports
    revenues = [one.body for one in earned if one.by in ("", by)]
    return quarter_html(worth.body, [*(one.to_json() for one in found.before), *revenues])


def _write(file: Path, option: str, text: Callable[[], str]) -> None:
    """Write a file whole or not at all."""
    try:
        with whole(file) as draft:
            draft.write_text(text(), encoding="utf-8")
    except OSError as error:
        raise TenureError(f"{file} cannot be written ({error.strerror}); choose another with {option}.") from None


def _unknown(body: Mapping[str, Any], csm_id: str | None) -> TenureError:
    """No such CSM, and those that there are."""
    known = [str(one["csm_id"]) for one in body["csms"]]
    some = ", ".join(known[:_SOME]) + (f" and {len(known) - _SOME} more" if len(known) > _SOME else "")
    there = f"there are {some}" if known else "nobody had a book then"
    return TenureError(f"No CSM {str(csm_id)[:80]!r} had a book or a cost in {body['period']}; {there}.")
