"""Alerts of the odds of leaving: how many times those of some days before, by what the customer did."""

from __future__ import annotations

import dataclasses
import math

import pytest

from success.alerts import Opened
from tests.success.replays import ODDS, kinds, replay, row


@pytest.mark.parametrize("since_days", [7, 28, 10])
def test_the_odds_double_by_what_the_customer_did(since_days: int) -> None:
    rule = dataclasses.replace(ODDS, since_days=since_days)
    column = f"change_{since_days}d_customer"
    falls = [0.0, -4.0, -4.0, -4.0, *[0.0] * 40]
    days = {}
    for n in range(1, 44):
        window = math.fsum(falls[max(1, n - since_days + 1) : n + 1])
        days[n] = [row(n, n - 1, health=50.0, change_customer=falls[n], change_model=-30.0, **{column: window})]
    told = replay(rule, days)
    assert kinds(told) == [(3, "opened"), (since_days + 1, "back")]
    assert isinstance(told[0][1], Opened)
    assert told[0][1].value == pytest.approx(2**1.2)
