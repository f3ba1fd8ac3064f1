"""Plans: what the active plans of each account include as of each day, by the entitlements visible then."""

from __future__ import annotations

from features.engine.scans import DAYS
from features.history import History

__all__ = ["IN_PLAN", "plan_tables"]

IN_PLAN = "LEFT JOIN _in_plan ON _in_plan.as_of = state.as_of AND _in_plan.plans = state.plans"
"""Joins the totals of an account's plans to `state`."""


def plan_tables(history: History) -> dict[str, str]:
    """Name and SQL of three tables over the sets of plans that accounts have.

    _members(as_of, plans, plan) : the plans of each set.
    _included(as_of, plans, feature, core, monthly_limit) : what a set includes; limits add up, and where one plan of
        the set knows no limit there is none.
    _in_plan(as_of, plans, features, core_features, limited) : how much that is; no row for a set with a plan that no
        entitlement names, since nothing is known of what it includes.
    """
    entitlements = history.visible_on("entitlements", DAYS)
    return {
        "_members": "SELECT as_of, plans, unnest(plans) AS plan FROM (SELECT DISTINCT as_of, plans FROM _state)",
        "_included": f"""
            SELECT as_of, plans, feature, bool_or(coalesce(core, false)) AS core,
                   CASE WHEN count(*) = count(monthly_limit) THEN sum(monthly_limit) END AS monthly_limit
            FROM _members JOIN {entitlements} USING (as_of, plan) GROUP BY as_of, plans, feature
        """,
        "_in_plan": f"""
            SELECT as_of, plans, count(*) AS features, count(*) FILTER (WHERE core) AS core_features,
                   bool_or(coalesce(monthly_limit > 0, false)) AS limited
            FROM _included
            WHERE (as_of, plans) NOT IN (
                SELECT as_of, plans FROM _members
                WHERE (as_of, plan) NOT IN (SELECT as_of, plan FROM {entitlements})
            )
            GROUP BY as_of, plans
        """,
    }
