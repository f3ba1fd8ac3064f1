"""The command that looks at the champion on later days: monitor."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serving.cli.jobs import Exit
from serving.cli.options import DAY, home_of, settings_of, shared_options
from serving.cli.output import open_history, print_json, stages, table

if TYPE_CHECKING:
    from training.monitoring import MonitorReport

__all__ = ["monitor", "print_report"]

_VERDICTS = {
    "keep": "Keep the champion",
    "watch": "Keep the champion, and watch it",
    "retrain": "Train again",
}


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--as-of", "known_on", type=DAY, help="Look as on that day; the end of the observed period otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@shared_options
@click.pass_context
def monitor(context: click.Context, folder: Path, known_on: dt.date | None, as_json: bool, **_: object) -> None:
    """Tell whether the champion is still right, what has changed, and whether to train again.

    Exit code 0 means keep or watch, 3 train again.

    Example: tenure monitor company/ --as-of 2025-09-01
    """
    from training.monitoring import monitor as run

    settings, home = settings_of(context), home_of(context)
    history = open_history(folder, settings, home)
    with stages() as say:
        report = run(history, settings, home, known_on=known_on, progress=say)
    if as_json:
        print_json(report.to_json())
    else:
        print_report(report)
    if report.verdict == "retrain":
        raise SystemExit(Exit.RETRAIN)


def print_report(report: MonitorReport) -> None:
    """The verdict, its reasons, and the figures behind them."""
    told = f"version {report.version}, trained as of {report.known_on}, looked at as of {report.day}"
    click.echo(f"{_VERDICTS[report.verdict]}: {told}.")
    for reason in report.reasons:
        click.echo(f"  - {reason.text}")
    if report.realised:
        click.echo()
        _print_realised(report)
    if report.outlook:
        click.echo()
        _print_outlook(report)


def _print_realised(report: MonitorReport) -> None:
    rows = []
    for r in report.realised:
        days = r.first if r.first == r.last else f"{r.first} to {r.last}"
        slope = f"{r.slope.value:.2f} ({r.slope.low:.2f} to {r.slope.high:.2f})" if r.slope else "-"
        ratio = f"{r.ratio.value:.2f} ({r.ratio.low:.2f} to {r.ratio.high:.2f})"
        rows.append(
            [f"{r.horizon} days", days, f"{r.rows:,}", f"{r.observed:,.0f}", f"{r.expected:,.0f}", ratio, slope]
        )
    table(
        "What came of as_of days since training (90 % intervals, with the calibration's own error)",
        ["within", "as_of days", "rows", "churned", "expected", "churned / expected", "slope"],
        rows,
        right=2,
    )


def _print_outlook(report: MonitorReport) -> None:
    bands = {s.horizon: f"{100 * s.lowest:.1f} to {100 * s.highest:.1f} %" for s in report.scores}
    rows = [
        [f"{o.horizon} days", f"{100 * o.rate:.1f} %", bands.get(o.horizon, "-"), _figure(o.log_loss, 4),
         _figure(o.holdout_log_loss, 4), _figure(o.auc, 3), _figure(o.holdout_auc, 3)]
        for o in report.outlook
    ]  # fmt: skip
    table(
        f"Expected of {report.outlook[0].rows:,} accounts on {report.latest_as_of}, if all are right",
        ["within", "churn", "in training's last year", "log loss", "on the holdout", "AUC", "on the holdout"],
        rows,
    )


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
