"""Tokens: a name, scopes and a book in; a secret that is shown once out, of which only the hash is stored."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from features.errors import TenureError
from serving.store.tables import tokens

if TYPE_CHECKING:
    from serving.store.store import Store

__all__ = ["SCOPES", "Token", "all_tokens", "create", "digest_of", "none_such", "revoke"]

SCOPES = ("score", "read", "admin")
"""What a token may do; none of them implies another."""

MAX_NAME = 100  # characters of a name or of a CSM's id


@dataclass(frozen=True)
class Token:
    """What is kept of a token.

    Parameters
    ----------
    id : the public part of its text, which log lines may name.
    csm_id : the only book that it sees; None for all.
    digest : SHA-256 of its secret part, in hexadecimal.
    """

    id: str
    name: str
    scopes: frozenset[str]
    csm_id: str | None
    digest: str
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None

    def state(self, now: dt.datetime) -> str:
        """Whether it opens anything: active, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "active"


def digest_of(secret: str) -> str:
    """What is stored in a secret's place. It has 256 random bits: no guessing has to be slowed down."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create(
    store: Store,
    name: str,
    scopes: Iterable[str],
    csm_id: str | None = None,
    expires_at: dt.datetime | None = None,
    *,
    now: dt.datetime | None = None,
) -> tuple[Token, str]:
    """Make a token; the second is its text, `tnr_<id>_<secret>`, which nobody can be told again.

    Raises
    ------
    TenureError : no such scope, a book for a token that may do more than read, or a text that cannot be kept.
    """
    now = now or dt.datetime.now(dt.UTC)
    wanted = frozenset(scopes)
    if not wanted or not wanted <= set(SCOPES):
        raise TenureError(f"A token needs one or more of the scopes {', '.join(SCOPES)}; give each with --scope.")
    if csm_id is not None and wanted != {"read"}:
        raise TenureError(
            "Only a token whose one scope is read can be bound to a CSM's book; the other scopes reach every account."
        )
    if expires_at is not None and expires_at <= now:
        raise TenureError("The token would have expired already; let it last a day or longer.")
    secret = secrets.token_hex(32)
    token = Token(
        id=secrets.token_hex(6),
        name=_kept(name, "name"),
        scopes=wanted,
        csm_id=None if csm_id is None else _kept(csm_id, "CSM's id"),
        digest=digest_of(secret),
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
    )
    row = {**vars(token), "scopes": " ".join(scope for scope in SCOPES if scope in wanted)}
    with store.writing() as connection:
        connection.execute(sa.insert(tokens).values(row))
    return token, f"tnr_{token.id}_{secret}"


def revoke(store: Store, id_or_name: str, *, now: dt.datetime | None = None) -> Token:
    """Revoke a token for good, by its id, or by its name where only one that is not revoked has it.

    One that is revoked already stays as it is.

    Raises
    ------
    TenureError : there is none, or there are several of the name.
    """
    with store.writing() as connection:
        known = [_token(row) for row in connection.execute(_select())]
        found = [token for token in known if token.id == id_or_name]
        named = [token for token in known if token.name == id_or_name]
        found = found or [token for token in named if token.revoked_at is None] or named[-1:]
        if not found:
            raise none_such()
        if len(found) > 1:
            ids = ", ".join(token.id for token in found)
            raise TenureError(f"{len(found)} tokens have this name; revoke them one by one, by their ids: {ids}.")
        token = found[0]
        if token.revoked_at is None:
            moment = now or dt.datetime.now(dt.UTC)
            still = tokens.c.revoked_at.is_(None)
            connection.execute(sa.update(tokens).where(tokens.c.id == token.id, still).values(revoked_at=moment))
        return _token(connection.execute(_select().where(tokens.c.id == token.id)).one())


def all_tokens(store: Store) -> list[Token]:
    """Every token that was ever made, oldest first, with those that are revoked or expired."""
    with store.reading() as connection:
        return [_token(row) for row in connection.execute(_select())]


def none_such() -> TenureError:
    """The refusal of an id or a name that no token has."""
    return TenureError("There is no token with this id or name; `tenure token list` shows those that there are.")


def _select() -> sa.Select[Any]:
    return sa.select(tokens).order_by(tokens.c.created_at, tokens.c.id)


def _token(row: Any) -> Token:
    return Token(**{**row._mapping, "scopes": frozenset(row.scopes.split())})


def _kept(text: str, what: str) -> str:
    """A text that both databases can keep and a terminal can show."""
    if not text.strip() or len(text) > MAX_NAME or not text.isprintable():
        raise TenureError(f"A {what} must be 1 to {MAX_NAME} printable characters; choose another.")
    return text
