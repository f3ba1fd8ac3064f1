"""Deliver: what the outbox holds in; each message at its receiver, tried again until it arrives or is given up, out."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from features.alert_rules import WebhookSettings
from serving.alerting import outbox
from serving.alerting.dead import append_dead
from serving.alerting.sending import Answer, post
from serving.alerting.signing import headers_of
from serving.store.store import Store

__all__ = ["PATIENCE", "Clock", "Delivered", "Post", "delay", "deliver"]

PATIENCE = 60.0
"""Seconds for which one run waits for the next attempt; later ones are for the runs to come."""

_FIRST, _FACTOR, _LONGEST = 1.0, 4.0, 6 * 3600.0
_DOWN = 3  # messages in a row that fail, after which the receiver is left alone for a while, and then tried with one

Post = Callable[[str, bytes, dict[str, str], float], Answer]
logger = logging.getLogger("tenure.alerts")


@dataclass(frozen=True)
class Clock:
    """What time it is, and how to let it pass."""

    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Delivered:
    """What became of the messages.

    Parameters
    ----------
    delivered : that have arrived in this run.
    dead : that were given up in it.
    waiting : that are left for later runs.
    trouble : what the receiver did last instead of taking one; empty where it took all.
    """

    delivered: int
    dead: int
    waiting: int
    trouble: str = ""


def deliver(
    store: Store, home: Path, webhook: WebhookSettings, secret: bytes, *, post: Post = post, clock: Clock | None = None
) -> Delivered:
    """Send what is due, and wait a little for what is due soon.

    A message is marked once the receiver has taken it, so a process that dies between the two sends it again: with the
    same id and the same bytes, for the receiver to drop. Messages of one account are sent in the order in which things
    happened, each when the one before has arrived or was given up.

    Raises
    ------
    StoreError, TenureError : the store or the dead-letter file cannot be written; what has arrived is marked.
    """
    assert webhook.url is not None
    clock = clock or Clock()
    run = _Run(store, webhook, secret, post, clock)
    until = clock.now() + dt.timedelta(seconds=PATIENCE)
    append_dead(home, outbox.dead(store))
    while True:
        due = run.once()
        if run.buried:
            append_dead(home, outbox.dead(store))
        now = clock.now()
        if due is None or due > until:
            break
        clock.sleep(max(0.0, (due - now).total_seconds()))
    return Delivered(run.arrived, run.buried, len(outbox.waiting(store)), run.trouble)


def delay(id_: str, attempt: int) -> float:
    """Seconds from a failed attempt, the first is 1, to the next: four times as many each time, by half more or less.

    How much more or less goes by the message, so that many do not come back at one and the same moment.

    >>> [round(delay("a", attempt)) for attempt in (1, 2, 3, 4, 5)]
    [1, 5, 9, 71, 170]
    """
    chance = int.from_bytes(hashlib.sha256(f"{id_} {attempt}".encode()).digest()[:4], "big") / 2**32
    return min(_FIRST * _FACTOR ** (attempt - 1), _LONGEST) * (0.5 + chance)


def _fairly(messages: list[outbox.Waiting]) -> list[outbox.Waiting]:
    """The accounts whose next message was tried least go first; those of one account stay in order."""
    attempts: dict[str, int] = {}
    for message in messages:
        attempts.setdefault(message.account_id, message.attempts)
    return sorted(messages, key=lambda message: attempts[message.account_id])


class _Run:
    def __init__(self, store: Store, webhook: WebhookSettings, secret: bytes, post: Post, clock: Clock) -> None:
        self.store, self.webhook, self.secret, self.post, self.clock = store, webhook, secret, post, clock
        self.arrived = self.buried = 0
        self.lost: set[str] = set()  # alerts whose opening was given up in this run
        self.trouble = ""
        self.pauses = 0

    def once(self) -> dt.datetime | None:
        """Try each message that is due and has none of its account before it; when the next is due, None for never."""
        held: set[str] = set()
        soonest: list[dt.datetime] = []
        failures = 0
        for message in _fairly(outbox.waiting(self.store)):
            if message.account_id in held:
                continue
            if message.orphan or message.alert_key in self.lost:
                outbox.bury(self.store, message.id, "its opening was given up", self.clock.now(), attempts=0)
                self.buried += 1
                continue
            if message.next_at is not None and message.next_at > self.clock.now():
                held.add(message.account_id)
                soonest.append(message.next_at)
                continue
            next_at = self._attempt(message)
            failures = failures + 1 if next_at else 0
            if next_at:
                held.add(message.account_id)
                soonest.append(next_at)
            self.pauses = self.pauses if failures else 0
            if failures == (1 if self.pauses else _DOWN):  # the others keep their attempts for when it is back
                self.pauses += 1
                return self.clock.now() + dt.timedelta(seconds=delay(message.id, self.pauses))
        return min(soonest, default=None)

    def _attempt(self, message: outbox.Waiting) -> dt.datetime | None:
        """Send a message once; when to try again, None where that is not needed."""
        text = outbox.text_of(self.store, message.id)
        if text is None:
            return None
        body = text.encode("utf-8")
        url = self.webhook.url or ""
        headers = headers_of(self.secret, message.id, int(self.clock.now().timestamp()), body)
        answer = self.post(url, body, headers, self.webhook.timeout_seconds)
        now, attempt = self.clock.now(), message.attempts + 1
        if answer.arrived:
            outbox.delivered(self.store, message.id, now)
            self.arrived += 1
            return None
        self.trouble = str(answer)
        logger.info("attempt %d of message %s: the receiver %s", attempt, message.id[:12], answer)
        if answer.hopeless or attempt >= self.webhook.attempts:
            outbox.bury(self.store, message.id, str(answer), now)
            self.lost.add(message.alert_key)
            self.buried += 1
            return None
        next_at = now + dt.timedelta(seconds=max(delay(message.id, attempt), answer.wait))
        outbox.tried(self.store, message.id, str(answer), next_at)
        return next_at
