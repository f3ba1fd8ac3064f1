"""Figures: what a training or a backtest found, as tables for a terminal."""

from __future__ import annotations

import math
import shutil
import sys
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from serving.cli.output import table

if TYPE_CHECKING:
    from training.backtest import Backtest
    from training.evaluation import Evaluation, Figure
    from training.evaluation.warning import Warned
    from training.protocol import Judged
    from training.train import TrainResult
    from training.worth import ScoreWorth, Worth

__all__ = ["print_backtest", "print_training", "say"]

_DONE = {"churn": "churned", "expansion": "grew"}
_MOST = {"churn": "riskiest", "expansion": "likeliest"}
_MRR = {"churn": "lost", "expansion": "grown"}
_OTHERS = {"logistic": "logistic", "scorecard": "scorecard", "recency": "recency", "prior": "one rate"}
_FIGURES = (
    ("log_loss", "log loss (less is better)", 4),
    ("brier", "Brier score", 4),
    ("auc", "AUC", 3),
    ("lift_5", "lift in the {most} 5 %", 1),
    ("lift_10", "lift in the {most} 10 %", 1),
    ("mrr_found_10", "{mrr} MRR in that 10 %", 2),
    ("observed_to_expected", "observed / expected", 2),
    ("slope", "slope (1 is right)", 2),
)
_WIDEST = 100
"""Characters of a line of prose."""


def say(text: str = "") -> None:
    """One paragraph on stdout, broken between words where that is a terminal, and left whole where it is not."""
    if sys.stdout.isatty():
        width = min(shutil.get_terminal_size().columns, _WIDEST)
        text = textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
    click.echo(text)


def print_training(result: TrainResult) -> None:
    """What was fitted on what, the figures on rows that it did not learn from, and the gate's decision."""
    click.secho(f"{result.outcome.capitalize()}, as known on {result.known_on}", bold=True)
    _print_blocks(result)
    say(f"Recipe: {'as given' if result.recipe_from == 'given' else result.recipe_from}.")
    click.echo()
    _print_horizons(result.judged, result.outcome)
    click.echo()
    _print_figures(result.judged[result.headline].evaluation, result.headline, result.outcome)
    for horizon, note in result.plan.notes.items():
        what = "not validated in time" if horizon in result.plan.horizons else "not fitted"
        click.echo()
        say(f"{horizon} days, {what}: {note}")
    click.echo()
    say(result.decision.reason)
    if not result.decision.passed and "tenure tune found" in result.recipe_from:
        say("tenure train --recipe default fits the recipe that the search started from.")
    rank = "champion" if result.champion else "challenger"
    say(
        f"Version {result.version} of {result.outcome} is registered as {rank}: the same recipe, fitted again up to "
        "the latest known labels."
    )
    if result.decision.passed and not result.champion:
        say(
            "Another version became champion while this one was trained, and the two were not compared; train again, "
            f"or tenure promote {result.outcome} --version {result.version} makes this one champion."
        )
    better = [
        f"{horizon} days"
        for horizon, found in result.judged.items()
        if "logistic" in found.evaluation.figures
        and found.evaluation.figures["logistic"]["log_loss"].value < found.evaluation.figures["model"]["log_loss"].value
    ]
    if better:
        say(f"The gate does not look at logistic regression, whose log loss is lower at {', '.join(better)}.")
    say(f"Its card: {result.artifacts / 'card.html'}")


def _print_blocks(result: TrainResult) -> None:
    rows = []
    for horizon, blocks in result.blocks.items():
        gap = f"{result.plan.blocks[horizon].gap_days} days" if horizon in result.plan.blocks else "by account"
        for place, name in enumerate(("train", "calibration", "holdout")):
            b = blocks[name]
            rows.append(
                [f"{horizon} days" if place == 0 else "", name, f"{b['first_as_of']} to {b['last_as_of']}",
                 f"{b['rows']:,}", f"{b['accounts']:,}", f"{b['events']:,}", f"{100 * b['base_rate']:.1f} %",
                 gap if place == 0 else ""]
            )  # fmt: skip
    columns = ["horizon", "block", "as_of days", "rows", "accounts", _DONE[result.outcome], "base rate", "apart"]
    table("", columns, rows, right=3)


def _print_horizons(judged: Mapping[int, Judged], outcome: str) -> None:
    rows = []
    aside: dict[str, str] = {}
    for horizon, found in judged.items():
        e = found.evaluation
        model = e.figures["model"]
        losses = {name: e.figures[name]["log_loss"].value for name in _OTHERS if name in e.figures}
        if found.validation != "in time":
            aside[found.validation] = "*"
        rows.append(
            [f"{horizon} days{aside.get(found.validation, '')}", f"{e.churned_accounts:,}",
             _number(model["log_loss"].value, 4), _best(losses), _number(model["auc"].value, 3),
             _interval(model["observed_to_expected"], 2), _interval(model["slope"], 2)]
        )  # fmt: skip
    columns = ["horizon", _DONE[outcome], "log loss", "best other", "AUC", "observed / expected", "slope"]
    table("Every horizon, on rows it did not learn from (90 % intervals, resampling accounts)", columns, rows)
    for validation, mark in aside.items():
        click.echo(f"{mark} {validation}, not validated in time")


def _print_figures(evaluation: Evaluation, horizon: int, outcome: str) -> None:
    """One horizon's figures, the model beside what needs less learning."""
    figures, perfect = evaluation.figures, evaluation.perfect
    others = [name for name in _OTHERS if name in figures]
    rows = [
        [label.format(most=_MOST[outcome], mrr=_MRR[outcome]), _interval(figures["model"][key], digits),
         *(_number(figures[name][key].value, digits) for name in others)]
        for key, label, digits in _FIGURES
    ]  # fmt: skip
    shown = ["model", *others]
    rows.append(["calibration error", *(_number(figures[name]["calibration_error"].value, 4) for name in shown)])
    rows.append(["  by chance, if right, up to", *(_number(perfect[name].high, 4) for name in shown)])
    table(
        f"Within {horizon} days: {evaluation.churned_accounts:,} of {evaluation.accounts:,} accounts {_DONE[outcome]}",
        ["", "model", *(_OTHERS[name] for name in others)],
        rows,
    )
    capacity = figures["model"]["precision_at_capacity"]
    if math.isfinite(capacity.value):
        say(
            f"Of the {evaluation.capacity} first on a day's list, {100 * capacity.value:.0f} % {_DONE[outcome]}"
            + _in_brackets(capacity, 100)
            + "."
        )
    lead = evaluation.lead
    if outcome == "churn" and lead is not None and math.isfinite(lead.days.value):
        say(f"From score to notice, half had {lead.days.value:.0f} days or more.")
    kept = evaluation.stability
    if kept is not None and math.isfinite(kept.stays.value):
        say(
            f"{100 * kept.stays.value:.0f} % of a day's list, of those still scored {kept.step_days:.0f} days later, "
            f"are on that day's list too ({100 * kept.by_chance:.0f} % by chance)."
        )


def print_backtest(outcome: str, found: Mapping[int, Backtest], notes: Mapping[int, str]) -> None:
    """Each origin of each horizon, and all held-out rows together."""
    click.secho(f"{outcome.capitalize()}, backtest at rolling origins", bold=True)
    rows = []
    for horizon, result in found.items():
        for place, origin in enumerate(result.origins):
            others = {name: origin.log_loss[name] for name in _OTHERS if name in origin.log_loss}
            rows.append(
                [f"{horizon} days" if place == 0 else "", f"{origin.blocks.train[-1]}", f"{origin.blocks.holdout[0]}",
                 f"{origin.rows:,}", f"{origin.observed:,.0f} / {origin.expected:,.1f}", f"{origin.events:,}",
                 _number(origin.log_loss["model"], 4), _best(others)]
            )  # fmt: skip
    columns = ["horizon", "trained until", "forecast from", "rows", "came / expected", "accounts", "log loss",
               "best other"]  # fmt: skip
    table("", columns, rows, right=3)
    click.echo()
    _print_horizons({h: result.judged for h, result in found.items()}, outcome)
    for result in found.values():
        if result.worth is not None:
            click.echo()
            _print_worth(result.worth)
    for horizon, note in notes.items():
        click.echo()
        say(f"{horizon} days: {note}")


def _print_worth(worth: Worth) -> None:
    """The model, the scorecard and each of its rules, by how well and how early they tell who leaves."""
    judged = [rule for rule in worth.rules if rule.counted > 0]
    scores = [
        ("model", worth.model),
        ("scorecard", worth.scorecard),
        *((f"  {escape(rule.name)}", rule) for rule in judged),
    ]
    rows = [
        [label, "" if score.weight is None else f"{score.weight:g}", f"{100 * score.counted:.0f} %",
         _interval(score.auc, 2), *_warning(score)]
        for label, score in scores
    ]  # fmt: skip
    times = worth.warnings
    if times is not None:
        rows.append(["by lot", "", "", _number(0.5, 2), *_warned(times.by_lot)])
    table(
        f"What the scorecard's weights are worth, within {worth.horizon} days (AUC with 90 % intervals)",
        ["", "weight", "rows", "AUC", "warned", "days before", "on average"],
        rows,
    )
    if times is not None:
        apart = "" if math.isnan(times.step_days) else f" Lists are {times.step_days:.0f} days apart here."
        say(
            f"Warned: of {times.left:,} accounts that left, those among the {times.capacity} worst of a day "
            f"({100 * times.flagged:.0f} % of all) at least once in the {times.looked_back} days before they gave "
            "notice, or left without one; half of these were there so many days before, or more. The average is over "
            f"all that left, 0 for those not warned of.{apart}"
        )
    if unknown := [rule.name for rule in worth.rules if rule.counted == 0]:
        say(f"Not judged, because no row here has a value: {', '.join(unknown)}.")


def _warning(score: ScoreWorth) -> list[str]:
    return ["-"] * 3 if score.warned is None else _warned(score.warned)


def _warned(warned: Warned) -> list[str]:
    share = f"{100 * warned.share:.0f} %" if math.isfinite(warned.share) else "-"
    return [share, _number(warned.days, 0), _number(warned.mean_days, 1)]


def _best(losses: Mapping[str, float]) -> str:
    """The smallest log loss, and whose it is."""
    known = {name: loss for name, loss in losses.items() if math.isfinite(loss)}
    if not known:
        return "-"
    best = min(known, key=known.__getitem__)
    return f"{known[best]:.4f} {_OTHERS[best]}"


def _number(value: float, digits: int) -> str:
    """A dash where it is not defined."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def _interval(figure: Figure, digits: int) -> str:
    return _number(figure.value, digits) + (_in_brackets(figure, 1, digits) if math.isfinite(figure.value) else "")


def _in_brackets(figure: Figure, scale: float, digits: int = 0) -> str:
    if figure.low == figure.high or not math.isfinite(figure.low + figure.high):
        return ""
    return f" ({scale * figure.low:.{digits}f} to {scale * figure.high:.{digits}f})"
