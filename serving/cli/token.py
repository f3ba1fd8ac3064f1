"""Commands on tokens: token create, token list, token revoke."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from serving.cli.options import shared_options, store_of, store_option
from serving.cli.output import print_json, table

if TYPE_CHECKING:
    from serving.store.store import Store
    from serving.store.tokens import Token

__all__ = ["token"]

_SCOPES = ("score", "read", "admin")  # serving.store.tokens.SCOPES, without importing a database


@click.group()
@shared_options
@store_option
def token(**_: object) -> None:
    """Make, show and revoke the tokens that requests to the service need.

    A token has one or more scopes: score (scores stored and on demand, what-if), read (stored scores, history,
    feedback), admin (metrics). None of them implies another.

    Example: tenure token create --name platform --scope score --scope read
    """


@token.command()
@click.option("--name", required=True, help="What it is for, as in platform; shown in lists.")
@click.option("--scope", "scopes", type=click.Choice(_SCOPES), multiple=True, required=True, help="May be repeated.")
@click.option("--csm", "csm_id", help="The only CSM whose book it sees; for the scope read alone.")
@click.option(
    "--expires-in", "days", type=click.IntRange(1, 3650), help="Days that it is valid for; for good otherwise."
)
@click.option("--json", "as_json", is_flag=True, help="Print the token and all about it as JSON.")
@shared_options
@store_option
@click.pass_context
def create(
    context: click.Context,
    name: str,
    scopes: tuple[str, ...],
    csm_id: str | None,
    days: int | None,
    as_json: bool,
    **_: object,
) -> None:
    """Make a token and print it, this once: only its hash is stored.

    Example: tenure token create --name platform --scope score --scope read --expires-in 365
    """
    from serving.store import tokens
    from serving.store.store import Store

    now = dt.datetime.now(dt.UTC)
    with Store.open(store_of(context)) as store:
        made, text = tokens.create(
            store, name, scopes, csm_id, now + dt.timedelta(days=days) if days else None, now=now
        )
    if as_json:
        return print_json({"token": text, **_told(made, now)})
    until = f"until {made.expires_at:%Y-%m-%d}" if made.expires_at else "for good"
    click.echo(f"Token {made.id} is valid {until}; keep it now, since it is not shown again:", err=True)
    click.echo(text)


@token.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@shared_options
@store_option
@click.pass_context
def list_(context: click.Context, as_json: bool, **_: object) -> None:
    """Show every token that was made, without what would let anybody in.

    Example: tenure token list
    """
    from serving.store import tokens

    now = dt.datetime.now(dt.UTC)
    with _opened(context) as store:
        known = [_told(one, now) for one in tokens.all_tokens(store)] if store else []
    if as_json:
        return print_json(known)
    if not known:
        return click.echo("There are no tokens yet; make one with `tenure token create`.")
    columns = ["id", "name", "scopes", "book", "made on", "expires on", "state"]
    rows = [
        [
            one["id"],
            escape(one["name"]),
            ", ".join(one["scopes"]),
            escape(one["csm_id"] or "all"),
            one["created_at"][:10],
            (one["expires_at"] or "never")[:10],
            one["state"],
        ]
        for one in known
    ]
    table("Tokens", columns, rows, right=len(columns))


@token.command()
@click.argument("id_or_name", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print what is known of it as JSON.")
@shared_options
@store_option
@click.pass_context
def revoke(context: click.Context, id_or_name: str, as_json: bool, **_: object) -> None:
    """Revoke a token for good, by its id or its name; running services refuse it within a second.

    Example: tenure token revoke platform
    """
    from serving.store import tokens

    now = dt.datetime.now(dt.UTC)
    with _opened(context) as store:
        if store is None:
            raise tokens.none_such()
        revoked = tokens.revoke(store, id_or_name, now=now)
    if as_json:
        return print_json(_told(revoked, now))
    click.echo(f"Token {revoked.id} ({revoked.name}) is revoked.")


@contextlib.contextmanager
def _opened(context: click.Context) -> Iterator[Store | None]:
    """The store; None where there is none, which looking for tokens does not make."""
    from serving.store.errors import StoreAbsentError
    from serving.store.store import Store

    try:
        store = Store.open(store_of(context), create=False)
    except StoreAbsentError:
        yield None
        return
    with store:
        yield store


def _told(one: Token, now: dt.datetime) -> dict[str, Any]:
    """What may be shown of a token."""

    def day(moment: dt.datetime | None) -> str | None:
        return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if moment else None

    return {
        "id": one.id,
        "name": one.name,
        "scopes": [scope for scope in _SCOPES if scope in one.scopes],
        "csm_id": one.csm_id,
        "state": one.state(now),
        "created_at": day(one.created_at),
        "expires_at": day(one.expires_at),
        "revoked_at": day(one.revoked_at),
    }
