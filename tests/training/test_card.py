from __future__ import annotations

import copy
import dataclasses
import itertools
import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from training.card import Card, HorizonCard, card_html, card_markdown
from training.evaluation import evaluate, risk_bands
from training.evaluation.figures import plain
from training.gate import Evidence, decide
from training.sums import Sum, compare_sums, deciles

ACCOUNTS = 700
PNG = b"\x89PNG\r\n\x1a\n made up"


def judged(horizon: int, validation: str) -> tuple[HorizonCard, Evidence]:
    """One horizon, from the evaluation that a training makes."""
    rng = np.random.default_rng(horizon)
    n = 2 * ACCOUNTS
    owner = np.tile(np.arange(ACCOUNTS), 2)
    as_of = np.repeat(np.array(["2025-01-01", "2025-02-01"], dtype="datetime64[D]"), ACCOUNTS)
    recent = rng.normal(size=n)
    truth = -3.2 + np.log(horizon / 30) * 0.8 + 0.5 * recent + rng.normal(size=n)
    labels = (rng.random(n) < expit(truth)).astype(float)
    segment = np.array(["enterprise", "mid-market", "small", "<b>new</b>"], dtype=object)[
        np.minimum(rng.integers(0, 80, ACCOUNTS) // 26, 3)[owner]
    ]
    rate = float(labels.mean())
    predictions = {"model": expit(truth + 0.2 * rng.normal(size=n)), "prior": np.full(n, rate)}
    predictions |= {name: expit(np.log(rate) + 0.5 * recent) for name in ("recency", "scorecard", "logistic")}
    term = np.array(["monthly", "yearly"], dtype=object)[(owner % 3 == 0).astype(int)]
    evaluation = evaluate(
        labels, predictions, owner, as_of, horizon, resamples=100, mrr=np.exp(rng.normal(5, 1, n)),
        groups={"segment": segment, "term": term, "risk": risk_bands(predictions["model"])},
        seen={"segment": ["enterprise", "mid-market", "small"]},
        notice_days=np.where(rng.random(n) < 0.8, rng.integers(1, horizon, n), np.nan),
    )  # fmt: skip
    days = [("train", "2023-02-01", "2024-03-01"), ("calibration", "2024-06-01", "2024-09-01"),
            ("holdout", "2025-01-01", "2025-02-01"), ("refit_train", "2023-02-01", "2024-08-01"),
            ("refit_calibration", "2024-11-01", "2025-02-01")]  # fmt: skip
    in_time = validation == "in time"
    card: HorizonCard = {
        "days": horizon,
        "validation": validation,
        "note": "" if in_time else "That would need 1,211 days of history; there are 1,096.",
        "gap_days": horizon + 33,
        "blocks": {
            name: {
                "first_as_of": first, "last_as_of": last, "as_of_days": 6, "rows": 14210, "accounts": 2811,
                "churned_accounts": 341, "base_rate": 0.0453,
            }
            for name, first, last in days
        } if in_time else {},
        "evaluation": evaluation.to_json(),
        "sums": plain(sums_of(labels, predictions["model"], owner, segment, horizon)),
    }  # fmt: skip
    return card, Evidence(horizon, validation, labels, owner, as_of, segment, predictions, evaluation)


def sums_of(
    labels: np.ndarray, p: np.ndarray, owner: np.ndarray, segment: np.ndarray, horizon: int
) -> dict[str, dict[str, list[Sum]]]:
    """As a training makes them; by far too many are said to leave for want of payment."""
    mrr = 100.0 + owner % 7
    pairs = {
        "events": (p, labels),
        "voluntary": (0.2 * p, labels),
        "involuntary": (0.8 * p, 0.0 * labels),
        "renewal": (np.where(owner % 2, p, np.nan), labels),
        "mrr": (mrr * (1 - p), mrr * (1 - labels)),
    }
    cuts = {"all": None, "segment": segment, "decile": deciles(p)}
    return {
        name: {cut: compare_sums(*pair, owner, groups, counts=name != "mrr") for cut, groups in cuts.items()}
        for name, pair in pairs.items()
    }


def compared(horizon: int) -> list[dict[str, Any]]:
    """A spline that is better than a logistic map, and Venn-Abers better still."""
    losses = {"logistic": 0.0021, "beta": 0.0014, "spline": 0.0, "isotonic": 0.0033, "venn_abers": -0.0004}
    return [
        {"method": name, "log_loss": 0.1 + horizon / 1000 + worse, "worse_by": worse,
         "standard_error": 0.0 if name == "spline" else 0.0005, "eligible": name not in ("isotonic", "venn_abers")}
        for name, worse in losses.items()
    ]  # fmt: skip


def make_card() -> Card:
    both = [judged(h, "in time") for h in (30, 90, 180)] + [judged(365, "folds by account")]
    decision = decide({e.horizon: e for _, e in both}, catalogue_hash="c" * 64, current_hash="c" * 64)
    return {
        "outcome": "churn",
        "event": "end",
        "grace_days": 30,
        "growth": 0.1,
        "recording_lag_days": 3,
        "known_on": "2026-01-01",
        "observed": ["2023-01-01", "2026-01-01"],
        "rows": 61443,
        "accounts": 3000,
        "grid": "monthly",
        "inputs": 95,
        "left_out": [
            {"name": "days_since_touch", "measures": "Days since a CSM was last in touch"},
            {"name": "touches_90d", "measures": "Touches in 90 days"},
        ],
        "given_up": {"90": {"value": -0.0012, "low": -0.0031, "high": 0.0007}},
        "recipe": {"trees": {"num_leaves": 7, "learning_rate": 0.03}, "calibration": "auto", "features": [],
                   "one_way": True, "seed": 20240229},
        "horizons": [horizon for horizon, _ in both],
        "not_fitted": {"540": "the history is too short for any label."},
        "notes": ["Segment <b>new</b> has 12 accounts with an event at 30 days; its rate is mostly others'."],
        "calibrations": {
            "30": {"method": "logistic", "compared": []},
            "90": {"method": "spline", "compared": compared(90)},
        },
        "decision": dataclasses.asdict(decision),
        "data_fingerprint": "f" * 64,
        "catalogue_hash": "c" * 64,
    }  # fmt: skip


@pytest.fixture(scope="module")
def card() -> Card:
    made = make_card()
    stored: Card = json.loads(json.dumps(made, allow_nan=False))  # as it lies in card.json
    return stored


class Reader(HTMLParser):
    """What a browser would see: tags, their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data.replace("\u00a0", " ")


def test_both_say_the_same(card: Card) -> None:
    page, text = Reader(card_html(card)), card_markdown(card)
    figure = card["horizons"][1]["evaluation"]["figures"]["model"]["log_loss"]
    said = [
        f"{figure['value']:.4f} ({figure['low']:.4f} to {figure['high']:.4f})",
        "within 30, 90, 180 or 365 days of the day of the forecast",
        "is not replaced within 30 days",
        "365 days: not validated in time (folds by account instead). That would need 1,211 days of history",
        "540 days is not forecast: the history is too short",
        "The registered model is the same recipe, fitted again",
        "each block at least 123 days after",
        "scorecard",
        "logistic",
        "Slope",
        "61,443 rows of 3,000 accounts",
        "no evidence for the pay",
        "not causes",
        "days_since_touch: Days since a CSM was last in touch",
        "-0.0012 (-0.0031 to +0.0007)",
        "monthly",
        "num_leaves",
        "By the next renewal",
        "0.1900 (best)",
        "0.1921 (+0.0021 ± 0.0005)",
        "From a score to the notice",
        "another company",
        card["decision"]["reason"],
        *(check["sentence"] for check in card["decision"]["checks"]),
    ]
    for sentence in said:
        assert sentence in page.text, sentence
        assert sentence in text, sentence


def test_the_page_loads_nothing_and_runs_nothing(card: Card) -> None:
    page = Reader(card_html(card, picture=PNG))
    assert page.open == []
    assert "script" not in {tag for tag, _ in page.tags}
    assert "b" not in {tag for tag, _ in page.tags}  # a segment's name is no markup
    addresses = [a[key] for _, a in page.tags for key in ("src", "href") if key in a]
    assert all(str(address).startswith(("data:image/png;base64,", "#")) for address in addresses)
    assert sum(str(address).startswith("data:") for address in addresses) == 1
    assert not any(name.startswith("on") for _, a in page.tags for name in a)
    anchors = {f"#{a['id']}" for _, a in page.tags if "id" in a}
    assert {str(address) for address in addresses if str(address).startswith("#")} == anchors


def test_a_refused_version_shows_what_was_not_passed(card: Card) -> None:
    refused = copy.deepcopy(card)
    refused["decision"] |= {"passed": False, "reason": "Not passed: at 90 days it is worse."}
    refused["decision"]["checks"][1] |= {"passed": False}
    page = Reader(card_html(refused))
    assert ("p", {"class": "verdict bad"}) in page.tags
    assert ("tr", {"class": "marked"}) in page.tags
    assert "not passed" in card_markdown(refused)


def test_a_group_that_is_off_is_named(card: Card) -> None:
    other = copy.deepcopy(card)
    for horizon in other["horizons"]:
        for parts in horizon["evaluation"]["slices"].values():
            for part in parts:
                part["off"] = False
    assert "No group is off by more than chance" in card_markdown(other)
    other["horizons"][0]["evaluation"]["slices"]["segment"][0]["off"] = True
    assert "- 30 days, segment " in card_markdown(other)


def test_what_was_not_measured_is_a_dash_and_no_crash(card: Card) -> None:
    bare = copy.deepcopy(card)
    bare.pop("given_up")
    bare.pop("not_fitted")
    bare.pop("calibrations")
    bare["notes"], bare["left_out"] = [], []
    bare["decision"] |= {"checks": []}
    nothing: dict[str, Any] = {"value": None, "low": None, "high": None}
    for horizon in bare["horizons"]:
        found = horizon["evaluation"]
        found["slices"], found["lead"] = {}, None
        found["figures"]["model"] |= {"slope": nothing, "intercept": nothing}
        found["figures"].pop("scorecard")
        horizon.pop("sums", None)
    text = card_markdown(bare)
    assert "None" not in text
    assert "nan" not in text
    assert "What was expected" not in text
    assert "Venn-Abers" not in text
    assert "| - |" in text
    assert "None" not in Reader(card_html(bare)).text


def test_expansion_has_its_own_words(card: Card) -> None:
    grown = copy.deepcopy(card)
    grown["outcome"] = "expansion"
    for horizon in grown["horizons"]:
        horizon["sums"] = {"events": horizon["sums"]["events"]}
    text = card_markdown(grown)
    assert "reaches 110 % of what it is" in text
    assert "Accounts that grew" in text
    assert "how many rows grew" in text
    assert "|  | 30 days | 90 days | 180 days | 365 days |" in text, "one sum stands in one table"
    assert not re.search("churned|riskiest|renewal|by own will|left on", text, re.IGNORECASE)


def test_what_was_expected_stands_beside_what_came(card: Card) -> None:
    text, page = card_markdown(card), card_html(card)
    horizon = card["horizons"][1]
    events, involuntary, mrr = (horizon["sums"][name]["all"][0] for name in ("events", "involuntary", "mrr"))
    assert involuntary["high"] < 1, "the made-up share is far too high"
    expected = f"{involuntary['expected']:,.{1 if involuntary['expected'] < 100 else 0}f}"
    assert f"| 0 for {expected}: 0.00 (0.00 to {involuntary['high']:.2f}) off |" in text
    assert f"{events['ratio']:.2f} ({events['low']:.2f} to {events['high']:.2f})" in text
    assert f"{mrr['ratio']:.3f} ({mrr['low']:.3f} to {mrr['high']:.3f})" in text
    all_rows = next(line for line in text.splitlines() if line.startswith("- 90 days: ") and "ratios miss 1" in line)
    assert "For want of payment 0.00" in all_rows
    ratios = [one for cuts in horizon["sums"].values() for cut in cuts.values() for one in cut]
    missing = sum(not one["low"] <= 1 <= one["high"] for one in ratios)
    assert f"{missing} of {len(ratios)} ratios miss 1; by chance alone about {len(ratios) / 10:.0f} may" in all_rows
    assert page.count('<td class="number off">') >= missing
    assert "| Decile 10 |" in text
    small = next(o for o in card["horizons"][0]["sums"]["involuntary"]["decile"] if o["expected"] < 1)
    assert f"| 0 for {small['expected']:.1f} |" in text, "nothing is made of less than one expected row"


def test_the_calibration_is_told_with_what_it_was_chosen_from(card: Card) -> None:
    lines = card_markdown(card).splitlines()
    assert "| 0 to 30 days | logistic | - | - | - | - | - |" in lines
    chosen = next(line for line in lines if line.startswith("| 30 to 90 days |"))
    assert chosen.split(" | ")[1] == "spline"
    assert chosen.endswith("0.1896 (-0.0004 ± 0.0005) |")


def test_every_table_of_the_markdown_is_whole(card: Card) -> None:
    lines = card_markdown(card, picture="reliability.png").splitlines()
    assert "![Observed against forecast](reliability.png)" in lines
    for before, line in itertools.pairwise(lines):
        if before.startswith("|") and line.startswith("|"):
            assert before.replace("\\|", "").count("|") == line.replace("\\|", "").count("|")
