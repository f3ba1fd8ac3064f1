"""Moves: the append-only log of who was made champion, by what and why, read from and added to a registered model."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.addresses import absent

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Move", "earlier_champions", "read_moves", "write_move"]

_TAG = "tenure.move."
_REASON = 4000  # characters; a tag holds 5,000


@dataclass(frozen=True)
class Move:
    """One move of the champion alias.

    Parameters
    ----------
    by : gate, promote or rollback.
    before, after : the version that was champion (None: nobody) and the one that became it.
    at : when, ISO 8601 in UTC, to the second.
    reason : in plain sentences.
    """

    by: str
    before: str | None
    after: str
    at: str
    reason: str

    def to_json(self) -> dict[str, str | None]:
        """The same with the keys by, from, to, at and reason."""
        return {"by": self.by, "from": self.before, "to": self.after, "at": self.at, "reason": self.reason}


def read_moves(client: MlflowClient, name: str) -> tuple[Move, ...]:
    """A registered model's moves, the oldest first; none when there is no such model."""
    from mlflow.exceptions import MlflowException

    try:
        tags = client.get_registered_model(name).tags
    except MlflowException as error:
        if not absent(error):  # a log that cannot be read is not empty, or the next move would write over its first
            raise
        return ()
    kept = [json.loads(tags[key]) for key in sorted(tags) if key.startswith(_TAG)]
    return tuple(Move(m["by"], m["from"], m["to"], m["at"], m["reason"]) for m in kept)


def write_move(client: MlflowClient, name: str, by: str, before: str | None, after: str, reason: str) -> None:
    """Add one move, stamped with the present time. Each has a tag of its own, so that none is written over."""
    # The wall clock here is an audit stamp; no feature, label or score ever reads it.
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    move = Move(by, before, after, at, reason[:_REASON])
    number = len(read_moves(client, name)) + 1
    client.set_registered_model_tag(name, f"{_TAG}{number:06d}", json.dumps(move.to_json(), ensure_ascii=False))


def earlier_champions(moves: Sequence[Move], present: str | None) -> list[str]:
    """The versions to go back to from the present champion, the latest first.

    Gate and promote add to a stack of champions, and a roll-back takes off what it left, so that rolling back
    twice goes back two champions and not to and fro.

    >>> def move(by, after): return Move(by, None, after, "", "")
    >>> earlier_champions([move("gate", "1"), move("gate", "2"), move("promote", "4")], "4")
    ['2', '1']
    >>> earlier_champions([move("gate", "1"), move("gate", "2"), move("rollback", "1")], "1")
    []

    An alias that somebody moved by other means goes back to the last champion in the log:

    >>> earlier_champions([move("gate", "1"), move("gate", "2")], "3")
    ['2', '1']
    """
    stack: list[str] = []
    for move in moves:
        if move.by == "rollback":
            while stack and stack[-1] != move.after:
                stack.pop()
        else:
            stack.append(move.after)
    if present in stack:
        while stack.pop() != present:
            pass
    # Each once: a version that was champion twice is no better the second time it is tried.
    return list(dict.fromkeys(number for number in reversed(stack) if number != present))
