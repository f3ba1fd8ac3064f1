"""Serve: the scores and the champion over HTTP."""

from __future__ import annotations

import click

from serving.cli.options import config_of, home_of, shared_options, store_of, store_option

__all__ = ["serve"]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that answer.")
@click.option(
    "--max-in-flight",
    type=click.IntRange(1, 100_000),
    default=256,
    show_default=True,
    envvar="TENURE_MAX_IN_FLIGHT",
    help="Requests that a worker answers at once; more are asked to come again (429).",
)
@store_option
@shared_options
@click.pass_context
def serve(context: click.Context, host: str, port: int, workers: int, max_in_flight: int, **_: object) -> None:
    """Serve the latest scores and the champion over HTTP.

    Requests need a token; `tenure token create` makes one. There is no TLS in it: what faces a network stands behind a
    balancer that has it (docs/deploy.md). Settings are read once, when it starts: what a CSM can call in a week, from
    which health on an account is red, which play answers what.

    Example: tenure serve --port 3000 --workers 2
    """
    from serving.launch import serve as run

    run(home_of(context), store_of(context), host, port, workers, max_in_flight, config_of(context))
