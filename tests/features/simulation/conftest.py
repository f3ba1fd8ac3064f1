"""One company with signal and one without, made once for all tests of the simulator."""

import pytest

from features.simulation import Company, simulate


@pytest.fixture(scope="session")
def signal() -> Company:
    return simulate(accounts=400, months=24, seed=11)


@pytest.fixture(scope="session")
def null() -> Company:
    return simulate(accounts=1000, months=24, seed=13, null=True)
