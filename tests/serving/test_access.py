"""Access: which headers let somebody in, as whom, and what those are told that are not."""

from __future__ import annotations

import datetime as dt
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.access import Caller, UnauthorizedError, caller_of
from serving.problems import ProblemError
from serving.store.tokens import Token, digest_of

NOW = dt.datetime(2026, 2, 1, 4, tzinfo=dt.UTC)
SECRET = "0123456789abcdef" * 4
ID = "abcdef012345"


def token(**changes: Any) -> Token:
    kept: dict[str, Any] = {
        "id": ID,
        "name": "platform",
        "scopes": frozenset({"score", "read"}),
        "csm_id": None,
        "digest": digest_of(SECRET),
        "created_at": NOW - dt.timedelta(days=9),
        "expires_at": None,
        "revoked_at": None,
    }
    return Token(**{**kept, **changes})


def refused(authorization: str | None, *known: Token) -> UnauthorizedError:
    with pytest.raises(UnauthorizedError) as error:
        caller_of(authorization, {one.id: one for one in known}, NOW)
    return error.value


@pytest.mark.parametrize(
    "header", [f"Bearer tnr_{ID}_{SECRET}", f"bearer tnr_{ID}_{SECRET}", f"  BEARER   tnr_{ID}_{SECRET}\t"]
)
def test_a_token_lets_in_with_its_scopes(header: str) -> None:
    assert caller_of(header, {ID: token()}, NOW) == Caller(ID, frozenset({"score", "read"}), None)


def test_an_expiry_to_come_lets_in_until_it_comes() -> None:
    one = token(expires_at=NOW + dt.timedelta(seconds=1))
    assert caller_of(f"Bearer tnr_{ID}_{SECRET}", {ID: one}, NOW).token_id == ID
    assert refused(f"Bearer tnr_{ID}_{SECRET}", token(expires_at=NOW)).why == "expired"


def test_unknown_wrong_revoked_and_expired_are_told_the_same() -> None:
    right = f"Bearer tnr_{ID}_{SECRET}"
    wrong = f"Bearer tnr_{ID}_{SECRET[::-1]}"
    past = NOW - dt.timedelta(days=1)
    refusals = [
        refused(right),
        refused(wrong, token()),
        refused(right, token(revoked_at=past)),
        refused(right, token(expires_at=past)),
    ]
    assert [refusal.why for refusal in refusals] == ["unknown", "wrong-secret", "revoked", "expired"]
    assert [refusal.token_id for refusal in refusals] == [None, ID, ID, ID]
    assert len({refusal.response("1").body for refusal in refusals}) == 1
    assert all(refusal.headers == {"WWW-Authenticate": "Bearer"} for refusal in refusals)


def test_a_wrong_secret_learns_nothing_of_revocation() -> None:
    wrong = f"Bearer tnr_{ID}_{SECRET[::-1]}"
    assert refused(wrong, token(revoked_at=NOW)).why == "wrong-secret"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        SECRET,
        f"tnr_{ID}_{SECRET}",
        f"Basic tnr_{ID}_{SECRET}",
        f"Bearer  tnr_{ID}_{SECRET} and more",
        f"Bearer tnr_{ID}_{SECRET}, Bearer tnr_{ID}_{SECRET}",  # two headers, as they come joined
        f"Bearer tnr_{ID}_{SECRET}\n",
        f"Bearer\ntnr_{ID}_{SECRET}",
        f"Bearer tnr_{ID}_{SECRET.upper()}",
        f"Bearer tnr_{ID}_{SECRET[:-1]}",
        f"Bearer tnr_{ID}_{SECRET}0",
        f"Bearer tnr__{SECRET}",
        f"Bearer tnr_{ID}_{SECRET[:-1]}٣",  # a digit, but not one of ours
        "Bearer tnr_" + "\xe9" * 12 + "_" + SECRET,
        "Bearer " + "x" * 100_000,
        "Bearer" + " " * 100_000,
    ],
)
def test_what_is_no_token_is_malformed(header: str) -> None:
    refusal = refused(header, token())
    assert (refusal.why, refusal.status, refusal.kind) == ("malformed", 401, "unauthorized")


def test_no_header_is_told_how() -> None:
    refusal = refused(None, token())
    assert refusal.why == "missing"
    assert "Authorization" in refusal.detail


@given(st.text())
def test_no_text_but_the_token_lets_in(text: str) -> None:
    for header in (text, f"Bearer {text}", f"Bearer tnr_{ID}_{text}"):
        with pytest.raises(ProblemError):
            caller_of(header, {ID: token()}, NOW)


@given(st.integers(0, 63), st.sampled_from("0123456789abcdef"))
def test_one_wrong_digit_is_wrong(place: int, digit: str) -> None:
    secret = SECRET[:place] + digit + SECRET[place + 1 :]
    if secret == SECRET:
        assert caller_of(f"Bearer tnr_{ID}_{secret}", {ID: token()}, NOW)
    else:
        assert refused(f"Bearer tnr_{ID}_{secret}", token()).why == "wrong-secret"


def test_secrets_are_compared_in_constant_time_and_for_unknown_ids_too(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []
    real = hmac.compare_digest

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr("serving.access.hmac.compare_digest", compare)
    refused(f"Bearer tnr_{ID}_{SECRET}")
    refused(f"Bearer tnr_{ID}_{SECRET[::-1]}", token())
    assert len(compared) == 2
    assert all(len(one) == len(other) == 64 for one, other in compared)


def test_a_bound_token_reads_one_book_and_nothing_else_whatever_is_stored() -> None:
    bound = token(csm_id="c-1", scopes=frozenset({"read", "score", "admin"}))
    assert caller_of(f"Bearer tnr_{ID}_{SECRET}", {ID: bound}, NOW) == Caller(ID, frozenset({"read"}), "c-1")
