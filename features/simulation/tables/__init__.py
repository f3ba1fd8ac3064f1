"""What can be seen of the world: one module a group of tables, none of which knows what will be decided."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from features.simulation.tables.accounts import accounts, milestones
from features.simulation.tables.activity import Activity
from features.simulation.tables.billing import cards, invoices_and_payments
from features.simulation.tables.care import arms, assignments, touches
from features.simulation.tables.contracts import entitlements, subscriptions
from features.simulation.tables.costs import costs
from features.simulation.tables.endings import advocacy, churns, exits
from features.simulation.tables.support import tickets
from features.simulation.tables.surveys import surveys
from features.simulation.tables.usage import usage
from features.simulation.tables.users import users
from features.simulation.world import World

__all__ = ["observe"]


def observe(
    world: World, seen: Activity, seed: int, progress: Callable[[str, float], None] | None = None
) -> dict[str, pd.DataFrame]:
    """Every table of the contract, by name; each draws from random streams of its own."""
    invoices, payments = invoices_and_payments(world, seen, seed)
    return {
        "accounts": accounts(world, seen, seed),
        "users": users(world, seed),
        "subscriptions": subscriptions(world, seen.terms, seed),
        "usage": usage(world, seen, seed, progress),
        "entitlements": entitlements(),
        "milestones": milestones(world, seed),
        "tickets": tickets(world, seen, seed),
        "invoices": invoices,
        "payments": payments,
        "cards": cards(world, seen, seed),
        "surveys": surveys(world, seen, seed),
        "touches": touches(world, seen, seed),
        "assignments": assignments(world, seed),
        "advocacy": advocacy(world, seen, seed),
        "exits": exits(world, seed),
        "costs": costs(world, seen, seed),
        "churns": churns(world, seed),
        "arms": arms(world, seed),
    }
