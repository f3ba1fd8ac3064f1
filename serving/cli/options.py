"""Options that every command takes, before or after its name: where things are kept and which settings hold."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from features.settings import Settings, load_settings

if TYPE_CHECKING:
    from serving.store.address import Address

__all__ = [
    "DAY",
    "home_of",
    "latest_day",
    "said_again",
    "settings_of",
    "shared_options",
    "store_of",
    "store_option",
]

DEFAULT_HOME = Path(".tenure")
FIRST_DAY = dt.date(1900, 1, 1)


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

    Raises
    ------
    StoreError : it is a URL of something else than a store.
    """
    from serving.store.address import address_of

    return address_of(home_of(context, fallback), _said(context, "store"))


def settings_of(context: click.Context) -> Settings:
    """The settings, from the file named after or before the command."""
    return load_settings(_said(context, "config"))


def said_again(context: click.Context) -> str:
    """The shared options as they were given, for a command that is to follow this one."""
    given = ((name, _said(context, name)) for name in ("home", "config"))
    return "".join(f" --{name} {shlex.quote(str(value))}" for name, value in given if value is not None)


def _said(context: click.Context, name: str) -> Any:
    place: click.Context | None = context
    from_environment = None
    while place is not None:
        value = place.params.get(name)
        if value is not None:
            if place.get_parameter_source(name) is not click.core.ParameterSource.ENVIRONMENT:
                return value
            from_environment = value
        place = place.parent
    return from_environment
