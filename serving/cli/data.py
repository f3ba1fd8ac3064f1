"""Commands on data: check, features, simulate."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from features.build import build_features
from features.errors import TenureError
from serving.cli.options import DAY, home_of, settings_of, shared_options
from serving.cli.output import open_history, print_json, progress_bar, require_folder, stages, table

__all__ = ["check", "features", "simulate"]

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@shared_options
@click.pass_context
def check(context: click.Context, folder: Path, as_json: bool, **_: object) -> None:
    """Validate a company's history and say what is wrong with it.

    Example: tenure check company/
    """
    history = open_history(folder, settings_of(context), home_of(context))
    report = history.report
    if as_json:
        observed = {"from": history.observed_from.isoformat(), "until": history.observed_until.isoformat()}
        print_json({**report.to_json(), "observed": observed, "fingerprint": history.fingerprint})
    else:
        table(
            f"{folder}: {len(report.tables)} tables",
            ["table", "rows", "set aside"],
            [[t.table, f"{t.rows:,}", f"{report.failing.get(t.table, 0):,}"] for t in report.tables],
        )
        if report.findings:
            click.echo()
            rows = [[f.table, f.rule, f"{f.rows:,}", f.example] for f in report.findings]
            table("Rows that cannot be right", ["table", "rule", "rows", "for example"], rows, right=9)
        click.echo(f"\nObserved from {history.observed_from} until {history.observed_until} (that day not included).")
        for note in report.notes:
            click.echo(f"- {note}")
    history.require_sound(dt.date.max)


@click.command()
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--as-of", "as_ofs", type=DAY, multiple=True, required=True, help="A day to look from; repeatable.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The Parquet file to write."
)
@shared_options
@click.pass_context
def features(context: click.Context, folder: Path, as_ofs: tuple[dt.date, ...], out: Path, **_: object) -> None:
    """Compute every feature of the accounts that are customers on some days.

    Example: tenure features company/ --as-of 2025-01-01 --as-of 2025-02-01 --out features.parquet
    """
    require_folder(out)
    history = open_history(folder, settings_of(context), home_of(context))
    with progress_bar("as_of days") as bar:
        rows = build_features(history, as_ofs, progress=bar)
    try:
        rows.to_parquet(out, index=False)
    except OSError as error:
        raise TenureError(f"{out} cannot be written ({error.strerror}); choose another file with --out.") from None
    click.echo(f"{len(rows):,} rows of {len(rows.columns) - 2} features for {len(set(as_ofs))} days are in {out}.")


@click.command()
@click.argument("out", metavar="OUT", type=_FOLDER)
@click.option("--accounts", type=click.IntRange(10, 100_000), default=1500, show_default=True)
@click.option("--months", type=click.IntRange(6, 120), default=30, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--null", is_flag=True, help="Churn by one constant hazard that nothing predicts.")
@shared_options
def simulate(out: Path, accounts: int, months: int, seed: int, null: bool, **_: object) -> None:
    """Make up a company with known truth.

    The true probability of churn, per account and month, is written to OUT/truth.

    Example: tenure simulate company/ --accounts 1500 --months 30 --seed 7
    """
    from features.simulation import simulate as make

    if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
        raise TenureError(f"{out} is there already and not empty; choose another folder or remove it.")
    with stages() as say:
        say(f"simulating {accounts:,} accounts over {months} months")
        company = make(accounts=accounts, months=months, seed=seed, null=null)
        company.write(out)
    rows = sum(len(t) for t in company.tables.values())
    click.echo(f"{out} holds a made-up company: {len(company.tables)} tables, {rows:,} rows, and its truth.")
    click.echo(f"Next: tenure check {out}")
