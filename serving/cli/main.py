"""The command group, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata

import click

from features.errors import TenureError
from serving.cli.alerts import alerts
from serving.cli.brief import blindsided, brief
from serving.cli.data import check, features, simulate
from serving.cli.demo import demo
from serving.cli.jobs import BusyError, Exit, stoppable
from serving.cli.lists import lists
from serving.cli.models import backtest, promote, train
from serving.cli.monitor import monitor
from serving.cli.options import shared_options
from serving.cli.roi import roi
from serving.cli.scores import score
from serving.cli.serve import serve
from serving.cli.token import token
from serving.cli.tune import tune
from training.tracking import note_failure

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(metadata.version("tenure"), prog_name="tenure")
@shared_options
def cli(**_: object) -> None:
    """Predict, explain and value customer retention.

    Start with `tenure demo`, or point `tenure check` at a folder with your own tables.
    """


for command in (
    check, features, tune, train, backtest, promote, score, lists, brief, blindsided, alerts, monitor, roi,
    serve, token, simulate, demo,
):  # fmt: skip
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; what the user can mend is one plain sentence on stderr, and the exit code is one of `Exit`."""
    with stoppable() as stopped:
        try:
            cli.main(args=list(arguments) if arguments is not None else None, prog_name="tenure", standalone_mode=False)
            if stopped():  # somebody took the exception for an error of theirs, and went on
                raise KeyboardInterrupt
        except (Exception, KeyboardInterrupt) as error:
            sys.exit(_told(error, stopped()))


def _told(error: BaseException, stopped: Exit | None) -> int:
    """Tell on stderr what ended a command; the exit code."""
    if stopped or isinstance(error, (click.Abort, KeyboardInterrupt)):
        print("tenure: stopped.", file=sys.stderr)
        return stopped or Exit.INTERRUPTED
    if isinstance(error, TenureError):
        print(f"tenure: {error}", file=sys.stderr)
        note_failure(str(error))
        return Exit.BUSY if isinstance(error, BusyError) else Exit.FAILED
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        sys.stderr.close()
        return Exit.DONE
    raise error
