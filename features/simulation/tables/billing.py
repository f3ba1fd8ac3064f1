"""invoices, payments and cards: what was asked for, and whether and how it was paid."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.frame import frame, look_up
from features.simulation.late import delays
from features.simulation.latent import CARD_WEEKS
from features.simulation.streams import stream
from features.simulation.tables.activity import Activity
from features.simulation.timeline import NEVER
from features.simulation.world import World

__all__ = ["cards", "invoices_and_payments"]

RETRIES = np.array([0, 3, 7, 14, 21, 28])
REASONS = ("expired_card", "hard_decline", "insufficient_funds")
SHORT_OF_FUNDS = 0.03
CARD_TERMS, BANK_TERMS = 7, 30  # days to pay


def cards(world: World, seen: Activity, seed: int) -> pd.DataFrame:
    """The card each account began with and every one that replaced it, sorted by account and day."""
    people, timeline, state = world.population, world.timeline, world.state
    rng = stream(seed, "cards")
    begin = np.maximum(people.first_use, 0) // 7
    first = np.flatnonzero(people.card & (people.first_use < timeline.days))
    # A card that was new when the account began, or has replaced such a one since.
    works_until = 7 * (begin[first] + state.card_left[begin[first], first] + 1)
    added = np.maximum(people.first_use[first], works_until - 7 * CARD_WEEKS)
    week, renewed = np.nonzero(world.card_renewed)
    again = np.flatnonzero((world.lives.start > people.start[world.lives.account]) & people.card[world.lives.account])
    back, back_on = world.lives.account[again], world.lives.start[again]
    account = np.concatenate([first, renewed, back])
    day = np.concatenate([added, week * 7, back_on])
    until = np.concatenate(
        [works_until, (week + CARD_WEEKS + 1) * 7, 7 * (back_on // 7 + state.card_left[back_on // 7, back] + 1)]
    )
    number = rng.permutation(len(account))  # equal days are put in a random order
    order = np.lexsort((number, day, account))
    order = order[(day[order] < timeline.days) & (until[order] > day[order])]
    # A card added in the week of the end, after it, was never seen.
    known = (day[order] < 0) | seen.held(account[order], day[order])
    order = order[known]
    return frame(
        "cards",
        timeline,
        {
            "account_id": look_up(people.account_id, account[order]),
            "added_on": day[order],
            "expires_on": until[order],
        },
    )


def invoices_and_payments(world: World, seen: Activity, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Invoices from the first day of the history on, and every attempt to pay them; both sorted by time."""
    people, timeline, lives, state = world.population, world.timeline, world.lives, world.state
    rng = stream(seed, "billing")
    _, anchor_day = timeline.parts(lives.start)
    day = world.bill_day[: timeline.weeks].T[anchor_day]  # (lives, weeks)
    annual = ((people.term == 12) & ~people.card)[lives.account]
    within = (day >= lives.start[:, None]) & (day < np.minimum(lives.end, timeline.days)[:, None])
    month, _ = timeline.parts(np.where(within, day, 0))
    start_month, _ = timeline.parts(lives.start)
    within &= ~annual[:, None] | ((month - start_month[:, None]) % 12 == 0)
    life, week = np.nonzero(within)
    issued = day[life, week]
    order = np.lexsort((rng.random(len(life)), issued))
    life, week, issued = life[order], week[order], issued[order]
    account, end = lives.account[life], np.minimum(lives.end[life], timeline.days)
    card = people.card[account]
    amount = np.round(seen.terms.mrr_on(account, issued) * np.where(annual[life], 12, 1), 2)
    n = len(life)
    hour = (6 + 12 * rng.random(n)) / 24

    # By card: tried at once and again; while the card does not work, until it is replaced or the account ends.
    blocked = state.blocked[week, account]
    mended = _next_working(state.blocked)[week, account]
    short = rng.random(n) < SHORT_OF_FUNDS
    pays_at = np.where(blocked, np.where(mended < NEVER, mended * 7 + hour + 0.2, NEVER), issued + hour + 3 * short)
    # By bank: around the due date, later where the mood is low.
    slow = np.exp(0.7 * rng.normal(size=n) - 0.35 * seen.level[week, account])
    pays_at = np.where(card, pays_at, issued + hour + BANK_TERMS - 14 + np.floor(12 * slow))
    booked = pays_at + np.where(card, delays(rng, n, longest=5), delays(rng, n))  # bank statements come late
    before_end = pays_at < np.where(card, end, timeline.days)
    # A bank customer who is gone before paying the last invoice does not pay it: it is voided.
    lapsed = ~card & (lives.end[life] < timeline.days) & (pays_at >= lives.end[life])
    paid = before_end & ~lapsed & (booked < timeline.days)
    owed = card & (lives.end[life] < timeline.days) & ~before_end
    voided = np.where(lapsed | owed, lives.end[life], NEVER)

    tries = issued[:, None] + hour[:, None] + RETRIES
    fails = card[:, None] & (tries < np.minimum(np.floor(pays_at), end)[:, None]) & (blocked | short)[:, None]
    failed, attempt = np.nonzero(fails)
    declined = state.declined[week, account]
    why = np.where(blocked, declined.astype(np.int64), 2)[failed]
    good = np.flatnonzero(paid)
    invoice = np.concatenate([failed, good])
    at = np.concatenate([tries[failed, attempt], pays_at[good]])
    noted = np.concatenate([tries[failed, attempt] + delays(rng, len(failed), longest=5), booked[good]])
    why = np.concatenate([why, np.full(len(good), -1)])
    order = np.lexsort((invoice, at))
    order = order[noted[order] < timeline.days]
    numbers = np.sort(rng.choice(9_000_000, size=n, replace=False)) + 1_000_000
    invoice_id = np.char.add("I", numbers.astype(str))
    invoices = frame(
        "invoices",
        timeline,
        {
            "invoice_id": pd.array(invoice_id, dtype="str"),
            "account_id": look_up(people.account_id, account),
            "issued_on": issued,
            "due_on": issued + np.where(card, CARD_TERMS, BANK_TERMS),
            "amount": amount,
            "paid_on": np.where(paid, np.floor(pays_at), NEVER).astype(np.int64),
            "voided_on": voided,
            "recorded_at": issued + hour,
            "paid_on_recorded_at": np.where(paid, booked, np.nan),
        },
    )
    payments = frame(
        "payments",
        timeline,
        {
            "invoice_id": look_up(invoice_id, invoice[order]),
            "account_id": look_up(people.account_id, account[invoice[order]]),
            "attempted_at": at[order],
            "succeeded": why[order] < 0,
            "failure_reason": look_up(REASONS, why[order]),
            "recorded_at": noted[order],
        },
    )
    return invoices, payments


def _next_working(blocked: np.ndarray) -> np.ndarray:
    """The first week, from each week on, in which the card works; NEVER if none is recorded."""
    weeks = np.full(blocked.shape, NEVER, dtype=np.int64)
    following = np.full(blocked.shape[1], NEVER, dtype=np.int64)
    for week in range(len(blocked) - 1, -1, -1):
        following = np.where(blocked[week], following, week)
        weeks[week] = following
    return weeks
