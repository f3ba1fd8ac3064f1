"""The card's content: a card dict in; titled parts of paragraphs, lists and tables, for either rendering, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from training.card.choice import calibration_choice
from training.card.figures import calibration_table, figure_tables, slice_parts, term_table
from training.card.parts import Bullets, Part, Picture, Table, Text, days_of, event_of, percent
from training.card.schema import Card, HorizonCard
from training.card.sums import sum_parts
from training.gate import HEADLINE

__all__ = ["Section", "sections", "title_of", "verdict_of"]

IN_TIME = "in time"
_BLOCKS = {
    "train": "training",
    "calibration": "calibration",
    "holdout": "holdout",
    "refit_train": "training, refit",
    "refit_calibration": "calibration, refit",
}


@dataclass(frozen=True)
class Section:
    """A titled part of the card; `anchor` is its name in links."""

    anchor: str
    title: str
    parts: Sequence[Part] = field(default=())


def title_of(card: Card) -> str:
    """What the page is called."""
    version = f", version {card['version']}" if "version" in card else ""
    return f"{card['outcome'].capitalize()} model{version}"


def verdict_of(card: Card) -> tuple[bool, str]:
    """Whether the gate passed it, and its reason."""
    return bool(card["decision"]["passed"]), str(card["decision"]["reason"])


def sections(card: Card) -> list[Section]:
    """Every part of the card, in reading order."""
    found = [
        Section("predicts", "What it predicts, and for whom", _predicts(card)),
        Section("figures", "How good its forecasts are", _figures(card)),
        Section("calibration", "Whether one in five means one in five", _calibration(card)),
        Section("sums", "What was expected and what came", sum_parts(card["horizons"], event_of(card))),
        Section("gate", "The gate", _gate(card)),
        Section("use", "Intended use and limits", _use(card)),
        Section("data", "Data", _data(card)),
        Section("protocol", "How it was judged", _protocol(card)),
        Section("left-out", "What the model does not see", _left_out(card)),
        Section("recipe", "Recipe", [_recipe(card)]),
    ]
    if card["notes"]:
        found.insert(6, Section("notes", "Worth knowing", [Bullets(card["notes"])]))
    return [section for section in found if section.parts]


def headline(card: Card) -> HorizonCard:
    """The horizon whose figures stand first."""
    timed = [h for h in card["horizons"] if h["validation"] == IN_TIME] or card["horizons"]
    return min(timed, key=lambda h: (abs(h["days"] - HEADLINE), h["days"]))


def _predicts(card: Card) -> list[Part]:
    horizons = days_of([h["days"] for h in card["horizons"]])
    if card["outcome"] == "expansion":
        what = (
            f"The probability that an account's monthly recurring revenue reaches {percent(1 + card['growth'], 0)} of "
            f"what it is on the day of the forecast within {horizons}, before any churn."
        )
        whom = "Accounts with an active paid subscription and revenue above 0, that have given no notice."
    else:
        ends = (
            "an account gives notice or its last paid subscription ends, whichever is earlier,"
            if card["event"] == "notice"
            else "an account's last paid subscription ends, by its own will or for want of payment,"
        )
        what = (
            f"The probability that {ends} within {horizons} of the day of the forecast, and is not replaced within "
            f"{card['grace_days']} days."
        )
        whom = "Accounts with an active paid subscription, that have given no notice and are not in the grace period."
    parts: list[Part] = [Text(what), Text(f"{whom} Trials are not among them.")]
    parts.append(Text("A longer horizon never has a lower probability than a shorter one."))
    parts += [Bullets([_not_in_time(h) for h in card["horizons"] if h["validation"] != IN_TIME])]
    parts += [Bullets([f"{days} days is not forecast: {why}" for days, why in card.get("not_fitted", {}).items()])]
    return [part for part in parts if not isinstance(part, Bullets) or part.items]


def _not_in_time(horizon: HorizonCard) -> str:
    return (
        f"{horizon['days']} days: not validated in time ({horizon['validation']} instead). {horizon['note']}".rstrip()
    )


def _figures(card: Card) -> list[Part]:
    said = (
        "Rows that the recipe had not seen, each later than anything it learned from unless said otherwise; in "
        "brackets 90 % intervals, resampling accounts. A lower log loss or Brier score is better. These are the "
        "figures of the recipe. The registered model is the same recipe, fitted again up to the latest known labels; "
        "it cannot be judged before later ones are known."
    )
    return [Text(said), *figure_tables(card["horizons"], event_of(card))]


def _calibration(card: Card) -> list[Part]:
    parts: list[Part] = [calibration_table(card["horizons"], event_of(card)), Picture()]
    return [*parts, *slice_parts(card["horizons"], headline(card), event_of(card)), *calibration_choice(card)]


def _gate(card: Card) -> list[Part]:
    checks = card["decision"].get("checks") or []
    rows = [
        [
            str(check["name"]),
            "all" if check["horizon"] is None else f"{check['horizon']} days",
            ("passed" if check["passed"] else "not passed") + ("" if check["decides"] else ", only shown"),
            str(check["sentence"]),
        ]
        for check in checks
    ]
    bad = [n for n, check in enumerate(checks) if not check["passed"]]
    head = ["Check", "Horizon", "Result", "Finding"]
    table = Table("What the gate looked at before this version could become champion.", head, rows, bad, numeric=False)
    return [table] if rows else [Text(str(card["decision"]["reason"]))]


def _use(card: Card) -> list[Part]:
    who = "leave" if card["outcome"] == "churn" else "grow"
    return [
        Bullets(
            [
                "Made for deciding which accounts to look at first, and for adding up expected revenue.",
                f"It says which accounts are likely to {who}, not why, and not what would happen if something were "
                "done: its drivers are not causes.",
                "One period's figure is no evidence for the pay, the praise or the dismissal of anybody.",
                "It learned from accounts that were looked after as they were; where that changes, so do the rates.",
                "An interval around a probability holds the calibration's error, not the trees' own.",
                "A single probability is neither right nor wrong; groups of accounts with about the same one can be.",
                "Not for accounts outside the cohort named above, nor for another company.",
            ]
        )
    ]


def _data(card: Card) -> list[Part]:
    first, until = card["observed"]
    said = (
        f"Observed from {first} until {until} (that day not included); labels as known on {card['known_on']}. "
        f"{card['rows']:,} rows of {card['accounts']:,} accounts on {card['grid']} days. Facts are recorded up to "
        f"{card['recording_lag_days']} days late, which a label waits for."
    )
    head = ["Block", "as_of days", "Rows", "Accounts", event_of(card).accounts, "Base rate"]
    parts: list[Part] = [Text(said)]
    for horizon in card["horizons"]:
        rows = [
            [
                _BLOCKS.get(name, name),
                f"{b['first_as_of']} to {b['last_as_of']}",
                f"{b['rows']:,}",
                f"{b['accounts']:,}",
                f"{b['churned_accounts']:,}",
                percent(b["base_rate"]),
            ]
            for name, b in horizon["blocks"].items()
        ]
        if rows:
            timed = horizon["validation"] == IN_TIME
            folds = "" if timed else " One of several folds: each account stands in the holdout of one of them."
            parts.append(Table(f"Blocks at {horizon['days']} days.{folds}", head, rows))
    return [*parts, *term_table(card["horizons"])]


def _protocol(card: Card) -> list[Part]:
    items = []
    for horizon in card["horizons"]:
        if horizon["validation"] == IN_TIME:
            said = (
                f"{horizon['days']} days: train, then calibrate, then judge, each block at least {horizon['gap_days']} "
                "days after the last day of the one before, so that no label reaches into the next."
            )
        else:
            said = _not_in_time(horizon)
        lead = horizon["evaluation"].get("lead")
        if lead and lead["days"]["value"] is not None:
            days = lead["days"]
            said += (
                f" From a score to the notice it was {days['value']:.0f} days in the median ({days['low']:.0f} to "
                f"{days['high']:.0f})"
            )
            said += f"; {lead['without_notice']:,} rows had none." if lead["without_notice"] else "."
        items.append(said)
    beside = (
        "Set beside: one rate for all, days since last use alone, the rule-based scorecard, and a regularised logistic "
        "regression on the same features, each fitted on the same days."
    )
    return [Bullets(items), Text(beside)]


def _left_out(card: Card) -> list[Part]:
    why = (
        "What CSMs control themselves is left out: distress draws their attention, and good care would raise the bar "
        "that they are measured against."
    )
    parts: list[Part] = [Text(f"It sees {card['inputs']} features. {why}")]
    parts.append(Bullets([f"{one['name']}: {one['measures']}" for one in card["left_out"]]))
    for days, figure in card.get("given_up", {}).items():
        if figure["value"] is not None:
            parts.append(
                Text(
                    f"At {days} days the log loss with them would differ by {figure['value']:+.4f} "
                    f"({figure['low']:+.4f} to {figure['high']:+.4f})."
                )
            )
    return [part for part in parts if not isinstance(part, Bullets) or part.items]


def _recipe(card: Card) -> Part:
    rows = []
    for name, value in card["recipe"].items():
        inside = value.items() if isinstance(value, dict) else [("", value)]
        rows += [[f"{name}: {key}" if key else name, _plain(one)] for key, one in inside]
    caption = "What was fitted, and fitted again for the registered model."
    return Table(caption, ["Setting", "Value"], rows, numeric=False)


def _plain(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "all"
    if isinstance(value, float):
        return f"{value:g}"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
