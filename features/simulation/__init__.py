"""A made-up company with known truth: settings in, the contract's tables and true probabilities out."""

from features.simulation.company import Company, simulate

__all__ = ["Company", "simulate"]
