"""Commands on data: check, features, simulate."""

from __future__ import annotations

import datetime as dt
import re
import shlex
from pathlib import Path

import click

from features.build import build_features
from features.errors import TenureError
from features.sources.find import shown
from features.validation.disagreements import find_disagreements
from features.validation.leaks import find_leaks
from features.validation.page import report_page
from serving.cli.options import DAY, home_of, settings_of, shared_options
from serving.cli.output import open_history, print_json, progress_bar, require_folder, stages, whole
from serving.cli.report import print_report
from training.tracking import inherited_run, note_inherited

__all__ = ["check", "features", "simulate"]

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to this HTML file too.")
@click.option("--suggest", "drafts", is_flag=True, help="Draft a tenure.toml that maps these tables; check nothing.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="With --suggest, the file to write it to.")
@shared_options
@click.pass_context
def check(
    context: click.Context, folder: Path, as_json: bool, html: Path | None, drafts: bool, out: Path | None, **_: object
) -> None:
    """Validate a company's history and say what is wrong with it.

    Example: tenure check company/ --html report.html
    """
    if out and not drafts:
        raise TenureError("--out says where a draft goes, so it needs --suggest; use --html to write the report.")
    if drafts:
        if settings_of(context).tables:
            raise TenureError(
                "--suggest drafts a mapping anew and reads none; leave --config out, or leave out --suggest."
            )
        return _draft(folder, out)
    require_folder(html)
    refusal: TenureError | None = None
    observed: tuple[dt.date, dt.date] | None = None
    with stages() as say:
        say("reading and validating every row")
        history = open_history(folder, settings_of(context), home_of(context))
        report = history.report
        say("looking for tables that disagree")
        report.read_examples(history.con, history.sources)
        report.disagreements = find_disagreements(history)
        report.leaks = find_leaks(history, say)
        # A history that cannot be relied on is reported all the same, and refused after that.
        try:
            observed = history.observed_period()
            history.require_sound(dt.date.max)
        except TenureError as error:
            refusal = error
    name = re.sub(r":/+.*@", "://", str(folder))  # a database's user and password are nobody's business
    text, mark = "", history.fingerprint
    if html or inherited_run():
        text = report_page(report, name, observed=observed, refusal=str(refusal or ""), fingerprint=mark)
    if html:
        try:
            with whole(html) as draft:
                draft.write_text(text, encoding="utf-8")
        except OSError as error:
            raise TenureError(f"{html} cannot be written ({error.strerror}); choose another file.") from None
    if as_json:
        period = {"from": str(observed[0]), "until": str(observed[1])} if observed else None
        print_json({**report.to_json(), "observed": period, "fingerprint": history.fingerprint})
    else:
        print_report(report, name, observed)
        if html:
            click.echo(f"\nThe report is in {html}.")
    counts = {f"set_aside.{one.table}": report.failing.get(one.table, 0) for one in report.tables}
    note_inherited(home_of(context), f"check of {name}", {"fingerprint": mark}, counts, {"report.html": text})
    if refusal:
        raise refusal


def _draft(folder: Path, out: Path | None) -> None:
    """Print a draft of a mapping, or write it to a file that is not there yet."""
    from features.sources.suggest import suggest

    require_folder(out)
    if out and out.exists():
        raise TenureError(f"{out} is there already; choose another file with --out, or remove it.")
    with stages() as say:
        say("looking at names and contents")
        text = suggest(folder)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        with whole(out) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TenureError(f"{out} cannot be written ({error.strerror}); choose another file with --out.") from None
    place, file = shlex.quote(shown(folder)), shlex.quote(str(out))
    click.echo(f"{out} holds a draft; read every line, then: tenure check {place} --config {file}")


@click.command()
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--as-of", "as_ofs", type=DAY, multiple=True, required=True, help="A day to look from; repeatable.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The Parquet file to write."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@shared_options
@click.pass_context
def features(
    context: click.Context, folder: Path, as_ofs: tuple[dt.date, ...], out: Path, as_json: bool, **_: object
) -> None:
    """Compute every feature of the accounts that are customers on some days.

    Example: tenure features company/ --as-of 2025-01-01 --as-of 2025-02-01 --out features.parquet
    """
    require_folder(out)
    history = open_history(folder, settings_of(context), home_of(context))
    with progress_bar("as_of days") as bar:
        rows = build_features(history, as_ofs, progress=bar)
    try:
        with whole(out) as draft:
            rows.to_parquet(draft, index=False)
    except OSError as error:
        raise TenureError(f"{out} cannot be written ({error.strerror}); choose another file with --out.") from None
    days, count = sorted(set(as_ofs)), len(rows.columns) - 2
    found = {"rows": len(rows), "features": count, "days": len(days)}
    note_inherited(home_of(context), f"features on {days[0]} to {days[-1]}", {}, found)
    if as_json:
        return print_json({"rows": len(rows), "features": count, "as_of": days, "file": out})
    click.echo(f"{len(rows):,} rows of {count} features for {len(days)} day{'s' * (len(days) != 1)} are in {out}.")


def _price_rise(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, float] | None:
    """MONTH:FACTOR as two numbers."""
    if value is None:
        return None
    month, _, factor = value.partition(":")
    try:
        return int(month), float(factor)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not MONTH:FACTOR; write it as 20:2.", context, option) from None


@click.command()
@click.argument("out", metavar="OUT", type=_FOLDER)
@click.option("--accounts", type=click.IntRange(10, 100_000), default=1500, show_default=True)
@click.option("--months", type=click.IntRange(6, 120), default=30, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--null", is_flag=True, help="Churn by one constant hazard that nothing predicts.")
@click.option("--equal-skill", is_flag=True, help="Make all CSMs equally good.")
@click.option("--hidden-confounding", is_flag=True, help="Let something unrecorded cause both touches and churn.")
@click.option(
    "--price-rise",
    metavar="MONTH:FACTOR",
    callback=_price_rise,
    help="Multiply list prices on the first day of a month, counted from 1.",
)
@click.option("--defects", is_flag=True, help="Plant bad rows of every rule, and list them in OUT/truth/defects.csv.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@shared_options
def simulate(
    out: Path,
    accounts: int,
    months: int,
    seed: int,
    null: bool,
    equal_skill: bool,
    hidden_confounding: bool,
    price_rise: tuple[int, float] | None,
    defects: bool,
    as_json: bool,
    **_: object,
) -> None:
    """Make up a company with known truth.

    What is true of it (probabilities, the same company without CSMs, each CSM's skill) is written to OUT/truth.

    Example: tenure simulate company/ --accounts 1500 --months 30 --seed 7 --price-rise 20:2
    """
    from features.simulation import simulate as make

    if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
        raise TenureError(f"{out} is there already and not empty; choose another folder or remove it.")
    with stages() as say:
        say(f"simulating {accounts:,} accounts over {months} months")
        company = make(
            accounts=accounts,
            months=months,
            seed=seed,
            null=null,
            equal_skill=equal_skill,
            hidden_confounding=hidden_confounding,
            price_rise=price_rise,
            defects=defects,
        )
        company.write(out)
    counts = {name: len(t) for name, t in company.tables.items()}
    if as_json:
        return print_json({"folder": out, "tables": counts, "defects": len(company.defects)})
    click.echo(f"{out} holds a made-up company: {len(counts)} tables, {sum(counts.values()):,} rows, and its truth.")
    if company.defects:
        listed = out / "truth" / "defects.csv"
        click.echo(f"{len(company.defects)} of the rows are bad on purpose; {listed} lists them.")
    click.echo(f"Next: tenure check {out}")
