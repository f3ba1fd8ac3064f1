"""What a company earns, spends and expects of its customers, as checked settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from features.checks import check_bounds
from features.errors import TenureError

__all__ = ["COST_CATEGORIES", "BaselineSettings", "RevenueSettings"]

COST_CATEGORIES = (
    "csm",
    "renewals_team",
    "tools",
    "training",
    "programs",
    "services",
    "support",
    "account_management",
    "acquisition",
    "cogs",
)
"""The categories that the table costs may have."""


@dataclass(frozen=True)
class RevenueSettings:
    """How revenue and what retaining it costs are counted.

    Parameters
    ----------
    currency : that every amount is told in, as in "EUR"; needed where there are rates.
    rates : by currency, what one unit of it is worth in `currency`; constant, so that no exchange rate moves revenue.
    gross_margin : of recurring revenue, 0 to 1; when not set, 1 minus cogs over revenue from the table costs.
    retention_costs : categories that retaining customers costs; support is none of them unless it is added.
    loaded_costs : categories that a CSM costs: their own rows, and their part of those that name nobody.
    renewal_costs : categories that renewals cost.
    drift : NRR and GRR, or GRR and logo retention, that differ by more than this much are flagged.
    """

    currency: str | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    gross_margin: float | None = None
    retention_costs: tuple[str, ...] = (
        "csm",
        "renewals_team",
        "tools",
        "training",
        "programs",
        "services",
        "account_management",
    )
    loaded_costs: tuple[str, ...] = ("csm", "tools", "training", "programs")
    renewal_costs: tuple[str, ...] = ("csm", "renewals_team")
    drift: float = 0.10

    def __post_init__(self) -> None:
        check_bounds("revenue", self, gross_margin=(0, 1), drift=(0, 10))
        for name in ("retention_costs", "loaded_costs", "renewal_costs"):
            for category in getattr(self, name):
                if category not in COST_CATEGORIES:
                    raise TenureError(
                        f'[revenue] {name} has the category "{category}"; there are {", ".join(COST_CATEGORIES)}.'
                    )
        if self.rates and not self.currency:
            raise TenureError('[revenue.rates] needs to know into what they convert; write currency = "..." too.')
        for currency, rate in self.rates.items():
            if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate < math.inf:
                raise TenureError(f"[revenue.rates] {currency} = {rate!r} must be a number above 0.")


@dataclass(frozen=True)
class BaselineSettings:
    """How what was expected is learned.

    Parameters
    ----------
    groups : CSMs are judged by a model that was fitted without their group's books; 0 for one model for everybody,
        which has then seen what it judges.
    """

    groups: int = 4

    def __post_init__(self) -> None:
        check_bounds("baselines", self, groups=(0, 50))
        if self.groups == 1:
            raise TenureError("[baselines] groups = 1 would leave nobody to learn from; write 0, or 2 and more.")
