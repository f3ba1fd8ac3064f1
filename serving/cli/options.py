"""Options of commands: where things are kept, which settings hold, and which scored day is meant."""

from __future__ import annotations

import datetime as dt
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from features.errors import TenureError
from features.settings import Settings, load_settings

if TYPE_CHECKING:
    from serving.store.address import Address
    from serving.store.reading import Run
    from serving.store.store import Store

__all__ = [
    "DAY",
    "config_of",
    "home_of",
    "latest_day",
    "run_of",
    "said_again",
    "settings_of",
    "shared_options",
    "store_again",
    "store_of",
    "store_option",
]

DEFAULT_HOME = Path(".tenure")
FIRST_DAY = dt.date(1900, 1, 1)
_SECRETS = {"password", "sslpassword"}  # options of a database URL


class _Day(click.ParamType):
    """A day written as 2025-03-31, or as today or yesterday: days begin at midnight UTC, as those of a history do."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        if isinstance(value, dt.date):
            return value
        if value in ("today", "yesterday"):
            return dt.datetime.now(dt.UTC).date() - dt.timedelta(days=value == "yesterday")
        try:
            day = dt.date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day; write it as 2025-03-31, today or yesterday.", param, ctx)
        if not FIRST_DAY <= day <= latest_day():
            self.fail(f"{value} is not a day from {FIRST_DAY} to today.", param, ctx)
        return day


DAY = _Day()


def latest_day() -> dt.date:
    """The day that has begun in UTC or on the clocks here, whichever is later: what lies after it is the future."""
    return max(dt.datetime.now(dt.UTC).date(), dt.date.today())


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --home and --config to a command or to the group."""
    home = click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="TENURE_HOME",
        help="Where models, scores and everything else kept lives.  [default: ./.tenure]",
    )
    config = click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Settings, as documented in docs/config.md.",
    )
    return home(config(command))


def store_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --store to a command that uses the score store."""
    return click.option(
        "--store",
        metavar="URL",
        envvar="TENURE_STORE",
        help="The score store: postgresql://user@host/database.  [default: scores.db in the home]",
    )(command)


def home_of(context: click.Context, fallback: Path = DEFAULT_HOME) -> Path:
    """The home: as said after the command, before it, in the environment, or the fallback."""
    home: Path | None = _said(context, "home")
    return home or fallback


def store_of(context: click.Context, fallback: Path = DEFAULT_HOME) -> Address:
    """Where the score store is: as said after the command, in the environment, or a file of the home.

    A password on the command line is warned of.

    Raises
    ------
    StoreError : it is a URL of something else than a store.
    """
    from serving.store.address import address_of

    address = address_of(home_of(context, fallback), _said(context, "store"))
    if _said(context, "store", typed=True) and (address.url.password or _SECRETS & set(address.url.query)):
        click.echo(
            "Warning: --store has a password in it, which other users of this machine can read while the command runs; "
            "give the address in TENURE_STORE, or the password in PGPASSWORD.",
            err=True,
        )
    return address


def store_again(context: click.Context) -> str:
    """--store as it was given on the command line, for a command that is to follow this one; never a password."""
    import sqlalchemy as sa

    from serving.store.address import address_of

    typed = _said(context, "store", typed=True)
    if not typed:
        return ""
    url = address_of(home_of(context), typed).url
    plain = sa.URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    shown = plain.difference_update_query(_SECRETS).render_as_string(hide_password=False)
    return f" --store {shlex.quote(shown)}"


def settings_of(context: click.Context) -> Settings:
    """The settings, from the file named after or before the command."""
    return load_settings(_said(context, "config"))


def config_of(context: click.Context) -> Path | None:
    """The file of settings, named after or before the command, or in TENURE_CONFIG for what is told apart from it."""
    told = _said(context, "config") or os.environ.get("TENURE_CONFIG")
    return Path(told) if told else None


def run_of(store: Store, as_of: dt.date | None) -> Run:
    """The run that --as-of names; the newest for None.

    Raises
    ------
    TenureError : it is not scored.
    """
    run = store.latest() if as_of is None else store.run_of(as_of)
    if run is not None:
        return run
    if as_of is None:
        raise TenureError("No day is scored yet; run `tenure score` to score one.")
    raise TenureError(f"{as_of} is not scored; leave --as-of out for the newest day, or run `tenure score` for it.")


def said_again(context: click.Context) -> str:
    """The shared options as they were given, for a command that is to follow this one."""
    given = ((name, _said(context, name)) for name in ("home", "config"))
    return "".join(f" --{name} {shlex.quote(str(value))}" for name, value in given if value is not None)


def _said(context: click.Context, name: str, typed: bool = False) -> Any:
    """What an option says, nearest to the command first; with `typed` not what only the environment says."""
    place: click.Context | None = context
    from_environment = None
    while place is not None:
        value = place.params.get(name)
        if value is not None:
            if place.get_parameter_source(name) is not click.core.ParameterSource.ENVIRONMENT:
                return value
            from_environment = value
        place = place.parent
    return None if typed else from_environment
