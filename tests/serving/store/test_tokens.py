"""Tokens in the store: what is kept of them, and for whom they can be made."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from features.errors import TenureError
from serving.access import Caller, UnauthorizedError, caller_of
from serving.store.store import Store
from serving.store.tables import METADATA
from serving.store.tokens import SCOPES, all_tokens, create, revoke

NOW = dt.datetime(2026, 2, 1, 4, 5, 6, 789, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=1)


def let_in(store: Store, text: str, now: dt.datetime = NOW) -> Caller:
    return caller_of(f"Bearer {text}", {token.id: token for token in all_tokens(store)}, now)


def test_a_token_lets_in_from_its_making_to_its_revocation(store: Store) -> None:
    made, text = create(store, "platform", ["read", "score"], now=NOW)
    assert let_in(store, text) == Caller(made.id, frozenset({"score", "read"}), None)
    revoked = revoke(store, made.id, now=LATER)
    assert (revoked.revoked_at, revoked.state(NOW)) == (LATER, "revoked")
    with pytest.raises(UnauthorizedError) as refusal:
        let_in(store, text)
    assert (refusal.value.why, refusal.value.token_id) == ("revoked", made.id)


def test_what_is_read_back_is_what_was_made(store: Store) -> None:
    made = [
        create(store, "platform", SCOPES, now=NOW)[0],
        create(store, "Zoë's <b>laptop</b>", ["read"], "c-1 'x'", LATER, now=LATER - dt.timedelta(hours=1))[0],
    ]
    assert all_tokens(store) == made
    assert made[1].state(LATER - dt.timedelta(microseconds=1)) == "active"
    assert made[1].state(LATER) == "expired"


def test_the_secret_is_random_and_nowhere_in_the_store(store: Store) -> None:
    texts = [create(store, "a", ["read"], now=NOW)[1] for _ in range(5)]
    found = [re.fullmatch(r"tnr_([0-9a-f]{12})_([0-9a-f]{64})", text) for text in texts]
    secrets = [match[2] for match in found if match]
    assert len(set(secrets)) == len({match[1] for match in found if match}) == 5
    with store.reading() as connection:
        kept = repr([connection.execute(sa.select(table)).all() for table in METADATA.tables.values()])
    assert all(match and match[1] in kept for match in found)
    assert not any(secret in kept for secret in secrets)
    assert not any(secret in repr(all_tokens(store)) for secret in secrets)


def test_what_cannot_be_kept_or_would_let_in_too_far_is_not_made(store: Store) -> None:
    for scopes in ([], ["write"], ["read", "Read"], ["read score"]):
        with pytest.raises(TenureError, match="score, read, admin"):
            create(store, "a", scopes)
    for scopes in (["score"], ["admin"], ["read", "score"], ["read", "admin"]):
        with pytest.raises(TenureError, match="CSM's book"):
            create(store, "a", scopes, "c-1")
    for text in ("", "  ", "a\nb", "a\x00", "\x1b[31m", "\ud800", "x" * 101):
        with pytest.raises(TenureError, match="A name must"):
            create(store, text, ["read"])
        with pytest.raises(TenureError, match="A CSM's id must"):
            create(store, "a", ["read"], text)
    with pytest.raises(TenureError, match="expired already"):
        create(store, "a", ["read"], None, NOW, now=NOW)
    assert all_tokens(store) == []


def test_a_name_revokes_the_only_one_that_is_left_of_it(store: Store) -> None:
    old, new, other = (create(store, name, ["read"], now=NOW)[0] for name in ("platform", "platform", "other"))
    with pytest.raises(TenureError, match=rf"2 tokens have this name.*{old.id}"):
        revoke(store, "platform")
    assert [token.revoked_at for token in all_tokens(store)] == [None] * 3
    revoke(store, old.id, now=NOW)
    assert revoke(store, "platform", now=LATER).id == new.id
    assert {token.id: token.revoked_at for token in all_tokens(store)} == {old.id: NOW, new.id: LATER, other.id: None}


def test_revoking_again_changes_nothing_and_an_unknown_id_is_said(store: Store) -> None:
    made, _ = create(store, "a", ["read"], now=NOW)
    revoke(store, "a", now=NOW)
    assert revoke(store, "a", now=LATER).revoked_at == NOW
    assert revoke(store, made.id, now=LATER).revoked_at == NOW
    for unknown in ("b", "", "%", "a' or '1'='1", "\x00"):
        with pytest.raises(TenureError, match="no token with this id or name"):
            revoke(store, unknown)
