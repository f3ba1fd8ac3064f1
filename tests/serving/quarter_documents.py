"""Made-up reports of a quarter, as their `to_json` tells them: seeds in; documents out."""

from __future__ import annotations

import random
from typing import Any

__all__ = ["book", "csm", "fig", "metric", "revenue_report", "roi_report"]

_NAMES = ("Harbour Retail Ltd", "Kestrel Insurance Group", "Northern Freight AB", "Maple & Sons", "Linden Capital",
          "Blue Delta Health", "Juniper Analytics", "Orchard Foods", "Lunar Hotels", "Quayside Media")  # fmt: skip


def fig(value: float, reach: float) -> dict[str, float]:
    """A figure with an interval of that reach to either side."""
    return {"value": value, "low": value - reach, "high": value + reach}


def metric(
    title: str, value: float | None, unit: str, top: float | None = None, bottom: float | None = None, note: str = ""
) -> dict[str, Any]:
    """A metric as its `to_json` has it."""
    formula = f"what is counted in {title.lower()} / what it is counted over"
    told = {"title": title, "value": value, "unit": unit, "numerator": top, "denominator": bottom, "formula": formula}
    return told | ({"note": note} if note else {})


def share(title: str, top: float, bottom: float) -> dict[str, Any]:
    """A share of two sums."""
    return metric(title, top / bottom, "share", top, bottom)


def _group(seed: int, opening: float) -> dict[str, Any]:
    rng = random.Random(seed)
    parts = {
        "new": 0.038 * opening, "expansion": 0.031 * opening, "contraction": -0.011 * opening,
        "churn_voluntary": -0.034 * opening, "churn_involuntary": -0.007 * opening, "ended": 0.0,
        "paused": -0.003 * opening, "resumed": 0.002 * opening, "reactivation": 0.004 * opening,
        "transferred_in": 0.0, "transferred_out": 0.0,
    }  # fmt: skip
    parts = {name: round(value * rng.uniform(0.6, 1.4), 2) for name, value in parts.items()}
    movement = {"opening": opening, **parts, "closing": round(opening + sum(parts.values()), 2)}
    kept = opening + parts["contraction"] + parts["churn_voluntary"] + parts["churn_involuntary"]
    crc = [0.148, 0.146, 0.141, 0.139, 0.131]
    managed = 12 * opening
    lags = ("crc_ratio_year_before", "crc_ratio_3q_before", "crc_ratio_2q_before", "crc_ratio_1q_before", "crc_ratio")
    metrics = {
        "nrr": share("Net revenue retention (NRR)", kept + parts["expansion"], opening),
        "grr": share("Gross revenue retention (GRR)", kept, opening),
        "logo_retention": share("Logo retention", 1388, 1462),
        "renewal_rate": share("Renewal rate", 322, 361),
        "customer_churn": share("Customer churn", 74, 1462),
        "arpa": metric("Average revenue per account (ARPA)", opening / 1400, "money", opening, 1400),
        "cltv": metric("Lifetime value (CLTV)", None, "money", note="Not defined: no revenue was lost."),
        **{
            lag: metric("Customer retention cost ratio (CRC ratio)", value, "share", value * managed, managed)
            for lag, value in zip(lags, crc, strict=True)
        },
        "crc_change": metric("CRC ratio, change over a year", -0.017, "share", -0.017,
                             note="Falling: 13.1 % after 14.8 % a year before."),
        "renewal_cost": metric("Cost of renewals", 91.0, "per 1,000", 91_000, 1_000_000),
        "renewal_cost_12m": metric("Cost of renewals over twelve months", 85.0, "per 1,000", 340_000, 4_000_000),
        "renewal_cost_12m_year_before": metric("Cost of renewals, a year before", 100.0, "per 1,000", 3.4e5, 3.4e6),
        "renewal_cost_change": metric("Cost of renewals, change over a year", -15.0, "per 1,000", -15.0,
                                      note="Improving: 85 per 1,000 renewed after 100 a year before."),
    }  # fmt: skip
    flags = ["GRR is 9.4 points below logo retention: the customers who left were larger than those who stayed."]
    return {"movement": movement, "metrics": metrics, "flags": flags if seed == 3 else []}


def revenue_report(period: str = "2025Q3", seed: int = 3, by: str | None = None) -> dict[str, Any]:
    """A report on revenue of a quarter, of the whole company or by a group of three."""
    year, quarter = int(period[:4]), int(period[5])
    until = f"{year + quarter // 4}-{3 * (quarter % 4) + 1:02d}-01"
    groups = [{"group": name, **_group(seed + n, 6e5)} for n, name in enumerate(("enterprise", "mid", "smb"))]
    notes = ["Four accounts paid 0 at the start; they are in no retention figure."]
    return {
        "period": period, "from": f"{year}-{3 * quarter - 2:02d}-01", "until": until, "as_of": "2025-10-14",
        "partial_until": None, "currency": "EUR", "by": by, "total": {"group": "all", **_group(seed, 1_862_400.0)},
        "groups": groups if by else [], "notes": notes,
    }  # fmt: skip


def book(rng: random.Random, accounts: int, mrr: float, effect: float) -> dict[str, Any]:
    """What a book did."""
    reach = 12 * mrr * 0.5 / accounts**0.5
    impact = 12 * mrr * effect
    expected = mrr * rng.uniform(0.94, 0.97)
    churns = round(accounts * 0.05 * rng.uniform(0.4, 1.6))
    return {
        "accounts": accounts, "mrr": mrr, "expected_revenue": 3 * mrr * 0.98,
        "realised_revenue": 3 * mrr * 0.98 + impact / 6, "impact_revenue": fig(impact / 6, reach / 6),
        "expected_exit_mrr": expected, "realised_exit_mrr": expected + impact / 12, "impact_exit": fig(impact, reach),
        "expected_over_realised": fig(expected / (expected + impact / 12), 0.04), "expected_churns": accounts * 0.05,
        "churns": float(churns), "saves": fig(accounts * 0.05 - churns, 1.7),
        "saves_worth": fig(impact * 0.6, reach / 2), "expansion": fig(impact * 0.4, reach / 2),
        "shift_exit": 0.012 * 12 * mrr, "remainder_exit": fig(impact - 0.012 * 12 * mrr, reach),
        "shift_revenue": 0.004 * mrr, "remainder_revenue": fig(impact / 6 - 0.004 * mrr, reach / 6),
    }  # fmt: skip


def csm(number: int, seed: int = 0, **other: Any) -> dict[str, Any]:
    """One CSM of the report."""
    rng = random.Random(100 * seed + number)
    accounts, effect = rng.randint(22, 64), rng.gauss(0.02, 0.11)
    made = book(rng, accounts, round(accounts * rng.uniform(700, 2100), 2), effect)
    remainder = made["remainder_exit"]
    verdict = "better" if remainder["low"] > 0 else "worse" if remainder["high"] < 0 else "cannot be told"
    cost = 31_400.0
    explained = [_explained(n, rng) for n in range(10)]
    return {
        "csm_id": f"C{number:03d}", **made,
        "cost": metric("Loaded cost of a CSM", cost, "money", cost),
        "roi": metric("Return on the cost of a CSM (ROI)", made["impact_exit"]["value"] * 0.78 / cost, "multiple",
                      made["impact_exit"]["value"] * 0.78, cost)
        | {end: made["impact_exit"][end] * 0.78 / cost for end in ("low", "high")},
        "verdict": verdict, "too_small": False,
        "sentences": ["2 of 30 accounts were expected to leave; 1 did."],
        "since": {"accounts": accounts, "from": "2023-02-14", "impact_exit": fig(61_200.0, 38_000.0),
                  "sentence": f"Of {accounts} accounts taken since 14 February 2023."},
        "explained": explained,
        "changed_hands": [{"account_id": "A100812", "name": "Tern Logistics", "share": 0.337, "days": 31,
                           "until_on": "2025-08-01"}],
        "notices_withdrawn": [{"account_id": "A100290", "name": "Aster Books", "mrr": 820.0,
                               "notice_on": "2025-07-20", "withdrawn_on": "2025-08-02"}],
        "won_back": [{"account_id": "A100044", "name": "Fern Studio", "mrr": 400.0, "inside": True,
                      "left_on": "2025-07-12", "returned_on": "2025-09-02"}], "left_out": 5,
    } | other  # fmt: skip


def _explained(place: int, rng: random.Random) -> dict[str, Any]:
    expected, lost = round(rng.uniform(900, 4200), 2), rng.random() < 0.3
    realised = 0.0 if lost else round(expected * rng.uniform(1.05, 1.4), 2)
    odds = rng.randint(4, 38)
    ended = "left on 12 August" if lost else f"renewed and pays {realised:,.0f}"
    return {
        "account_id": f"A{100_000 + 37 * place}", "name": _NAMES[place % len(_NAMES)], "expected": expected,
        "realised": realised, "difference": 12 * (realised - expected),
        "sentence": f"Expected to pay {expected:,.0f} a month with {odds} % odds of leaving; {ended}.",
    }  # fmt: skip


def roi_report(csms: int = 9, seed: int = 0) -> dict[str, Any]:
    """A report on CSMs; the eighth has a book that is too small to tell, the ninth no cost."""
    made = [csm(number + 1, seed) for number in range(csms)]
    if csms > 7:
        made[7] |= {"too_small": True, "verdict": "cannot be told", "accounts": 6}
    if csms > 8:
        why = "Not defined: no cost of C009 is booked in 2025Q3."
        made[8] |= {"cost": metric("Loaded cost of a CSM", None, "money", note=why),
                    "roi": metric("Return on the cost of a CSM (ROI)", None, "multiple", note=why)}  # fmt: skip
    rng = random.Random(seed)
    ranked = sorted(made, key=lambda one: -one["remainder_exit"]["value"])
    return {
        "period": "2025Q3", "from": "2025-07-01", "until": "2025-10-01", "as_of": "2025-10-14", "partial_until": None,
        "currency": "EUR", "gross_margin": metric("Gross margin", 0.78, "share"),
        "question": "These figures say how each CSM did against the average of CSMs.",
        "notes": [], "company": book(rng, 1420, 1_850_000.0, 0.012), "csms": made,
        "nobody": book(rng, 38, 21_000.0, -0.03),
        "shift": {"loss": 0.06, "growth": 0.004, "exit": 266_400.0, "revenue": 7_400.0,
                  "sentence": "6 % of the losses expected of all books did not come; that is no one CSM's doing."},
        "reconstructed": 412,
        "ranking": {"method": "money", "sentence": "Each is drawn towards the average by how sure it is.", "rows": [
            {"csm_id": one["csm_id"], "rank": n + 1, "shrunken": one["remainder_exit"]["value"] / (36 * one["mrr"]),
             "low": one["remainder_exit"]["low"] / (24 * one["mrr"]),
             "high": one["remainder_exit"]["high"] / (24 * one["mrr"])}
            for n, one in enumerate(ranked)]},
    }  # fmt: skip
