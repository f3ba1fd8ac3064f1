"""What kind of company is made up, beside its size and seed."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """Switches of the made-up world.

    Parameters
    ----------
    null : churn and expansion hazards are one constant for every active account and day; touches do nothing.
    hidden_confounding : something nobody records makes an account both likelier to leave and likelier to be touched.
    equal_skill : every CSM has skill 1.
    price_rise : (month, factor): list prices are multiplied on the first day of this month, counted from 1.
    """

    null: bool = False
    hidden_confounding: bool = False
    equal_skill: bool = False
    price_rise: tuple[int, float] | None = None
