"""Money: what `tenure.toml` may say of revenue, costs and baselines, and one plain sentence for everything else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from features.errors import TenureError
from features.money import COST_CATEGORIES, BaselineSettings, RevenueSettings
from features.settings import Settings, load_settings


def _load(folder: Path, text: str) -> Settings:
    file = folder / "tenure.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def test_defaults_are_the_designs(tmp_path: Path) -> None:
    for settings in (Settings(), _load(tmp_path, ""), _load(tmp_path, "[revenue]\n[revenue.rates]\n[baselines]\n")):
        assert (settings.revenue, settings.baselines) == (RevenueSettings(), BaselineSettings())
        assert (settings.revenue.currency, dict(settings.revenue.rates)) == (None, {})
        assert settings.revenue.gross_margin is None
        assert settings.revenue.drift == 0.10
        assert settings.baselines.groups == 4
        # Support costs retain nobody unless somebody says so, and winning customers never does.
        retaining = {*settings.revenue.retention_costs}
        assert {*COST_CATEGORIES} - retaining == {"support", "acquisition", "cogs"}
        assert {*settings.revenue.loaded_costs, *settings.revenue.renewal_costs} <= retaining


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    settings = _load(
        tmp_path,
        """
        [revenue]
        currency = "EUR"
        gross_margin = 0.8
        retention_costs = ["csm", "support"]
        loaded_costs = ["csm"]
        renewal_costs = []
        drift = 0
        [revenue.rates]
        " usd" = 0.9
        GBP = 1
        [baselines]
        groups = 0
        """,
    )
    revenue = settings.revenue
    assert (revenue.currency, dict(revenue.rates)) == ("EUR", {"USD": 0.9, "GBP": 1})
    assert (revenue.gross_margin, revenue.drift) == (0.8, 0)
    assert (revenue.retention_costs, revenue.loaded_costs) == (("csm", "support"), ("csm",))
    assert revenue.renewal_costs == ()
    assert settings.baselines.groups == 0


REFUSED = {
    "revenue = 3\n": r"revenue must be a section",
    "[[revenue]]\n": r"revenue must be a section",
    "[revenue]\nrates = 3\n": r"rates must be a section, as in \[revenue.rates\]",
    "[[revenue.rates]]\nUSD = 1\n": r"rates must be a section",
    "[revenue]\ncurency = 'EUR'\n": "curency",
    "[revenue]\ncurrency = 3\n": "currency",
    "[revenue]\ngross_margin = 1.5\n": r"\[revenue\] gross_margin = 1.5 must be between 0 and 1",
    "[revenue]\ngross_margin = -0.1\n": "gross_margin",
    "[revenue]\ngross_margin = nan\n": "gross_margin",
    "[revenue]\ngross_margin = true\n": "gross_margin",
    "[revenue]\ngross_margin = '80 %'\n": "gross_margin",
    "[revenue]\ndrift = -1\n": "drift",
    "[revenue]\nretention_costs = ['wages']\n": r'retention_costs has the category "wages"; there are csm, ',
    "[revenue]\nloaded_costs = ['CSM']\n": "loaded_costs",
    "[revenue]\nrenewal_costs = 'csm'\n": "renewal_costs",
    "[revenue.rates]\nUSD = 0.9\n": r'write currency = "..." too',
    "[revenue]\ncurrency = 'EUR'\n[revenue.rates]\nUSD = 0\n": r"\[revenue.rates\] USD = 0 must be a number above 0",
    "[revenue]\ncurrency = 'EUR'\n[revenue.rates]\nusd = -2\n": "USD = -2",
    "[revenue]\ncurrency = 'EUR'\n[revenue.rates]\nUSD = inf\n": "USD = inf",
    "[revenue]\ncurrency = 'EUR'\n[revenue.rates]\nUSD = nan\n": "USD = nan",
    "[revenue]\ncurrency = 'EUR'\n[revenue.rates]\nUSD = true\n": "USD = True",
    "[revenue]\ncurrency = 'EUR'\n[revenue.rates]\nUSD = '0.9'\n": "USD = '0.9'",
    "[revenue]\ncurrency = 'EUR'\n[revenue.rates]\nUSD = 1\nusd = 2\n": "twice",
    "[baselines]\ngroups = 1\n": r"groups = 1 would leave nobody to learn from; write 0, or 2 and more",
    "[baselines]\ngroups = -1\n": "groups = -1 must be between 0 and 50",
    "[baselines]\ngroups = 51\n": "groups",
    "[baselines]\ngroups = 2.5\n": "groups",
    "[baselines]\ngroup = 2\n": "group",
    "baselines = 3\n": "baselines",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_said_is_refused_by_name(text: str, tmp_path: Path) -> None:
    with pytest.raises(TenureError, match=REFUSED[text]) as refusal:
        _load(tmp_path, text)
    assert str(refusal.value).endswith(".")
    assert "\n" not in str(refusal.value)
    assert not re.search(r"Traceback|TypeError|AttributeError", str(refusal.value))
