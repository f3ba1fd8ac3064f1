import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.feeds import fed_by
from features.stages import stages_of
from success.health import Health, Scale, band_of, display, healths, read_back
from tests.training import renewing
from training.anchors import Anchors, Cell, compared_stages, make_anchors
from training.own import CALENDAR, Own, own
from training.scorecard import DEFAULT_RULES, Scorecard

CONTRACT = ("segment", "tenure_days", "days_to_renewal", "term_months")


@pytest.fixture(scope="module")
def model():
    """A kernel, and what is usual in its cells."""
    module = renewing
    kernel, rows = module.kernel(), module.rows_of(3000, 77)
    anchors = make_anchors(kernel, rows, np.arange(3000).astype(str).astype(object), compared_stages(rows), 90)
    dimensions = tuple(
        "contract" if name in CONTRACT else kernel.words[name].dimension for name in kernel.feature_names
    )
    scale = Scale(anchors, kernel.feature_names, dimensions, 10.0, frozenset({"core_features_share_28d"}))
    return module, kernel, scale


def health_of(model, rows: pd.DataFrame, no_data=(), segments=None, stages=None) -> Health:
    _, kernel, scale = model
    told = own(kernel, rows, 90, scale.anchors.calendar)
    missing = np.column_stack([rows[name].isna() if name in rows else np.ones(len(rows), bool) for name in scale.names])
    segments = rows["segment"].tolist() if segments is None else segments
    if stages is None:
        stages = compared_stages(rows).tolist()
    return healths(scale, told, missing, segments, stages, np.isin(np.array(scale.names), list(no_data)))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), points=st.sampled_from([5.0, 10.0, 20.0]),
       no_data=st.sets(st.sampled_from(["tickets_open", "overdue_invoices", "active_users_28d"])))  # fmt: skip
def test_points_sum_and_say_the_probability(model, seed: int, points: float, no_data: set[str]) -> None:
    module, kernel, scale = model
    scale = Scale(scale.anchors, scale.names, scale.dimensions, points, scale.plan_dependent)
    rows = module.rows_of(50, seed)
    found = health_of((module, kernel, scale), rows, no_data)
    by_dimension = sum(np.nan_to_num(values - 50, nan=0.0) for values in found.dimensions.values())
    assert found.health - 50 == pytest.approx(by_dimension, abs=1e-9)
    assert found.health - 50 == pytest.approx(found.own.sum(axis=1), abs=1e-9)
    p = read_back(found.health, found.calendar + found.plan + found.no_data, found.anchor, points)
    assert p == pytest.approx(kernel.probabilities(rows, 90), abs=1e-9)


def test_within_a_cell_health_falls_as_the_customers_part_of_the_risk_rises(model) -> None:
    module, kernel, scale = model
    rows = module.rows_of(300, 8)
    found = health_of(model, rows)
    told = own(kernel, rows, 90, scale.anchors.calendar)
    mine = ~np.isin(np.array(scale.names), CALENDAR)
    plan = np.isin(np.array(scale.names), sorted(scale.plan_dependent))
    out = rows["core_features_share_28d"].isna().to_numpy()
    risk = np.where(out, told.attributions[:, mine & ~plan].sum(axis=1), told.attributions[:, mine].sum(axis=1))
    for cell in set(found.cell.tolist()):
        for absent in (True, False):
            chosen = np.flatnonzero((found.cell == cell) & (out == absent))
            order = chosen[np.argsort(risk[chosen])]
            rises, falls = np.diff(risk[order]), np.diff(found.health[order])
            assert (falls[rises > 1e-9] < 0).all()


def test_ten_points_double_the_odds_of_staying(model) -> None:
    _module, _kernel, _scale = model
    cell = Anchors(90, {}, -2.0, (Cell(None, None, 500, {"a": 0.0}, 0.0),))
    one = Scale(cell, ("a",), ("adoption",), 10.0)
    told = Own(np.array([[0.0], [math.log(2)], [-math.log(2)]]), np.zeros(3), -2.0)
    found = healths(one, told, np.zeros((3, 1), bool), [None] * 3, [None] * 3)
    assert found.health == pytest.approx([50, 40, 60])
    p = read_back(found.health, 0.0, found.anchor, 10.0)
    odds = p / (1 - p)
    assert odds == pytest.approx(math.exp(-2) * np.array([1, 2, 0.5]))


def test_the_typical_account_of_a_cell_has_fifty(model) -> None:
    module, _, _ = model
    rows = module.rows_of(3000, 77)  # the reference cohort itself
    found = health_of(model, rows)
    for place, cell in enumerate(model[2].anchors.cells):
        chosen = found.cell == place
        if cell.segment is None or cell.stage is None:
            continue  # only those who are in no cell of their own are in these
        # Values that the plan does not include are apart from health, and so is what is usual of them.
        assert (found.health + found.plan)[chosen].mean() == pytest.approx(50, abs=1e-6)
    assert found.calendar.mean() == pytest.approx(0, abs=1e-6)


def test_near_and_far_from_the_renewal_health_is_nearly_the_same(model) -> None:
    module, kernel, _ = model
    rows = module.rows_of(400, 12).assign(term_months=12.0)
    far, near = rows.assign(days_to_renewal=300.0), rows.assign(days_to_renewal=30.0)
    assert (stages_of(near) == "renewal").mean() > 0.9
    assert (stages_of(far) == "renewal").sum() == 0
    assert health_of(model, far).health == pytest.approx(health_of(model, near).health, abs=1e-9)
    p_far, p_near = kernel.probabilities(far, 90), kernel.probabilities(near, 90)
    assert (p_near > 1.3 * p_far).mean() > 0.9
    assert health_of(model, far).calendar.mean() > health_of(model, near).calendar.mean() + 3


def test_what_the_plan_does_not_include_costs_no_health(model) -> None:
    module, kernel, _ = model
    rows = module.rows_of(200, 3)
    without = rows.assign(core_features_share_28d=np.nan)
    found = health_of(model, without)
    place = module.NAMES.index("core_features_share_28d")
    assert (found.own[:, place] == 0).all()
    assert (found.plan != 0).any()
    assert np.isnan(found.dimensions["adoption"]).sum() == 0
    assert (found.dimensions["adoption"] == 50).all()  # nothing else of adoption is in this model
    p = read_back(found.health, found.calendar + found.plan + found.no_data, found.anchor, 10.0)
    assert p == pytest.approx(kernel.probabilities(without, 90), abs=1e-9)


def test_a_table_that_is_gone_leaves_its_dimension_unscored(model) -> None:
    module, _, _ = model
    rows = module.rows_of(200, 4)
    found = health_of(model, rows.assign(tickets_open=np.nan), {"tickets_open"})
    assert np.isnan(found.dimensions["support"]).all()
    assert (found.own[:, module.NAMES.index("tickets_open")] == 0).all()
    assert not np.isnan(found.health).any()


def test_bands_are_of_what_is_displayed() -> None:
    names, edges = ("red", "yellow", "green"), (40.0, 55.0)
    assert [band_of(x, names, edges) for x in (-30.0, 39.49, 39.51, 54.4, 54.6, 400.0)] == [
        "red", "red", "yellow", "yellow", "green", "green",
    ]  # fmt: skip
    assert band_of(float("nan"), names, edges) is None
    assert [display(x) for x in (-1.0, 0.4, 99.7, 120.0)] == [0, 0, 100, 100]


@pytest.mark.parametrize("table", ["tickets", "invoices", "payments", "surveys", "milestones", "users"])
def test_a_table_that_is_gone_changes_the_rules_that_it_fed_alone(table: str) -> None:
    rng = np.random.default_rng(5)
    rows = pd.DataFrame({rule.feature: rng.uniform(0, 30, 200).round() for rule in DEFAULT_RULES})
    fed = fed_by({table}) & set(rows.columns)
    assert fed
    before = Scorecard().individual(rows)
    after = Scorecard().individual(rows.assign(**dict.fromkeys(fed, np.nan)))
    names = [rule.feature for rule in DEFAULT_RULES]
    for place, name in enumerate(names):
        if name in fed:
            assert after.iloc[:, place].isna().all()
        else:
            pd.testing.assert_series_equal(after.iloc[:, place], before.iloc[:, place], check_exact=True)
    touched = {rule.dimension for rule in DEFAULT_RULES if rule.feature in fed}
    whole, less = Scorecard().score(rows), Scorecard().score(rows.assign(**dict.fromkeys(fed, np.nan)))
    for dimension in set(Scorecard().dimensions) - touched:
        pd.testing.assert_series_equal(less[dimension], whole[dimension], check_exact=True)
