"""The command group, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata

import click

from features.errors import TenureError
from serving.cli.data import check, features, simulate
from serving.cli.demo import demo
from serving.cli.models import backtest, promote, train
from serving.cli.monitor import monitor
from serving.cli.options import shared_options
from serving.cli.scores import score, serve

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(metadata.version("tenure"), prog_name="tenure")
@shared_options
def cli(**_: object) -> None:
    """Predict, explain and value customer retention.

    Start with `tenure demo`, or point `tenure check` at a folder with your own tables.
    """


for command in (check, features, train, backtest, promote, score, monitor, serve, simulate, demo):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; what the user can mend is one plain sentence on stderr and exit code 1."""
    try:
        cli.main(args=list(arguments) if arguments is not None else None, prog_name="tenure", standalone_mode=False)
    except TenureError as error:
        print(f"tenure: {error}", file=sys.stderr)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print("tenure: stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
