"""Access: the header Authorization and the tokens in; who is calling, or a refusal that tells nothing apart, out."""

from __future__ import annotations

import datetime as dt
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from serving.problems import ProblemError
from serving.store.tokens import Token, digest_of

__all__ = ["Caller", "UnauthorizedError", "caller_of"]

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +tnr_([0-9a-z]{1,16})_([0-9a-f]{64})")
_LONGEST = 200  # characters of a header that is looked at
_NOBODY = digest_of("")  # what a secret is compared with where there is no token of its id

_HOW = "send the header Authorization with Bearer, a space and the token"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling.

    Parameters
    ----------
    csm_id : of whose book alone anything may be told; None for every account.
    """

    token_id: str
    scopes: frozenset[str]
    csm_id: str | None


class UnauthorizedError(ProblemError):
    """A refusal for want of a valid token.

    Parameters
    ----------
    why : missing, malformed, unknown, wrong-secret, revoked or expired: for the audit line, never for the caller.
    token_id : of the token, where there is one of this id.
    """

    def __init__(self, detail: str, why: str, token_id: str | None = None) -> None:
        super().__init__(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
        self.why, self.token_id = why, token_id


def caller_of(authorization: str | None, tokens: Mapping[str, Token], now: dt.datetime) -> Caller:
    """Who sends this header.

    Ids of tokens are public and their secrets are random, so what must not show in the time taken is how much of
    a secret is right: hashes are compared, in constant time, and one is compared where the id is unknown too.

    Parameters
    ----------
    authorization : the header as it came; several of them joined by commas, which no token holds.
    tokens : by id, with those that are revoked or expired.

    Raises
    ------
    UnauthorizedError : 401, there is no valid token in it.
    """
    if authorization is None:
        raise UnauthorizedError(f"This needs a token; {_HOW}.", "missing")
    sent = _BEARER.fullmatch(authorization.strip(" \t")) if len(authorization) <= _LONGEST else None
    if sent is None:
        raise UnauthorizedError(f"The header Authorization does not hold one token; {_HOW}.", "malformed")
    token = tokens.get(sent[1])
    right = hmac.compare_digest(digest_of(sent[2]), token.digest if token else _NOBODY)
    if token is None:
        raise _invalid("unknown")
    if not right:
        raise _invalid("wrong-secret", token.id)
    if (state := token.state(now)) != "active":
        raise _invalid(state, token.id)
    # A bound token can only be made for reading; that is held here too, whatever somebody wrote into the table.
    scopes = token.scopes if token.csm_id is None else token.scopes & {"read"}
    return Caller(token.id, scopes, token.csm_id)


def _invalid(why: str, token_id: str | None = None) -> UnauthorizedError:
    detail = "This token is not valid: it is unknown, revoked or expired; make another with `tenure token create`."
    return UnauthorizedError(detail, why, token_id)
