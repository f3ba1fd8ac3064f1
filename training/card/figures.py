"""The card's figures: evaluations by horizon in; tables of what was measured out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.card.parts import OFF, Bullets, Event, Part, Table, Text, interval, percent
from training.card.schema import HorizonCard

__all__ = ["calibration_table", "figure_tables", "slice_parts", "term_table"]

_MODELS = {
    "model": "this model",
    "logistic": "logistic",
    "scorecard": "scorecard",
    "recency": "recency alone",
    "prior": "one rate for all",
}
_FIGURES: tuple[tuple[str, str, int, bool], ...] = (
    ("log_loss", "Log loss", 4, False),
    ("brier", "Brier score", 4, False),
    ("auc", "AUC", 3, False),
    ("lift_5", "Lift in the {most} 5 %", 1, False),
    ("lift_10", "Lift in the {most} 10 %", 1, False),
    ("precision_at_capacity", "{did} of a day's first {capacity}", 0, True),
    ("mrr_log_loss", "Log loss by MRR", 4, False),
    ("mrr_found_10", "MRR that {did} in the {most} 10 %", 0, True),
)
_LADDER = (
    "under 30 days",
    "30 to 90 days",
    "over 90 days",
    "under half the average",
    "half to twice the average",
    "over twice the average",
)
_GROUPS = {"segment": "Segment", "tenure": "Days as a customer", "term": "Term", "risk": "Forecast"}


def figure_tables(horizons: Sequence[HorizonCard], event: Event) -> list[Part]:
    """One table a horizon: the model beside what needs no learning to speak of."""
    return [_figure_table(horizon, event) for horizon in horizons]


def _figure_table(horizon: HorizonCard, event: Event) -> Table:
    found = horizon["evaluation"]
    figures = found["figures"]
    shown = {name: word for name, word in _MODELS.items() if name in figures}
    rows = []
    for key, words, digits, share in _FIGURES:
        cells = [interval(figures[name].get(key), digits, share=share) for name in shown]
        if any(cell != "-" for cell in cells):
            name = words.format(capacity=found.get("capacity", ""), did=event.did, most=event.most)
            rows.append([name[0].upper() + name[1:], *cells])
    caption = (
        f"Within {horizon['days']} days{_how(horizon)}: {found['rows']:,} rows, {found['churned_accounts']:,} of "
        f"{found['accounts']:,} accounts {event.did}, base rate {percent(found['base_rate'])}."
    )
    return Table(caption, ["", *shown.values()], rows)


def _how(horizon: HorizonCard) -> str:
    return "" if horizon["validation"] == "in time" else f" (not validated in time: {horizon['validation']})"


def calibration_table(horizons: Sequence[HorizonCard], event: Event) -> Table:
    """One line a horizon."""
    rows = []
    for horizon in horizons:
        figures, perfect = horizon["evaluation"]["figures"]["model"], horizon["evaluation"]["perfect"]["model"]
        chance = "-" if perfect["value"] is None else f"{perfect['low']:.4f} to {perfect['high']:.4f}"
        rows.append(
            [
                f"{horizon['days']} days{'' if horizon['validation'] == 'in time' else ', not in time'}",
                interval(figures["observed_to_expected"], 2),
                interval(figures["intercept"], 2, sign="+"),
                interval(figures["slope"], 2),
                _plain(figures["calibration_error"]),
                chance,
            ]
        )
    head = ["Horizon", "Observed / expected", "Log-odds to add", "Slope", "Calibration error", "If perfect"]
    caption = (
        f"Right is: as many {event.did} as expected (1), nothing to add (0), slope 1, and an error that a perfectly "
        "calibrated model of this size would show by chance."
    )
    return Table(caption, head, rows)


def _plain(figure: Mapping[str, Any]) -> str:
    """Without its interval: resampling only ever adds to a mean of distances, so that it need not hold the value."""
    return "-" if figure["value"] is None else f"{figure['value']:.4f}"


def slice_parts(horizons: Sequence[HorizonCard], first: HorizonCard, event: Event) -> list[Part]:
    """The groups that are off at any horizon, and all groups at the first one."""
    off = [
        f"{horizon['days']} days, {_GROUPS.get(column, column).lower()} {part['value']}: expected "
        f"{percent(part['expected'])}, observed {interval(part['observed'], 1, share=True)}"
        for horizon in horizons
        for column, parts in horizon["evaluation"].get("slices", {}).items()
        for part in parts
        if part["off"]
    ]
    cut = any(horizon["evaluation"].get("slices") for horizon in horizons)
    if not cut:
        return [Text("It was not looked at by group.")]
    found: list[Part] = (
        [Text("Groups that are off by more than chance, though many were looked at:"), Bullets(off)]
        if off
        else [Text("No group is off by more than chance, seeing how many were looked at.")]
    )
    slices = first["evaluation"].get("slices", {})
    listed = [(column, part) for column, parts in slices.items() for part in sorted(parts, key=_place)]
    rows = [[_named(column, part), *_counted(part)] for column, part in listed]
    marked = [n for n, (_, part) in enumerate(listed) if part["off"]]
    head = ["Group", "Rows", event.accounts, "Expected", "Observed"]
    pooled = [part for parts in slices.values() for part in parts if part["pooled"]]
    caption = f"Every group at {first['days']} days."
    caption += " Groups of fewer than 30 accounts stand together as other." if pooled else ""
    if any(part["new"] for parts in slices.values() for part in parts):
        caption += " What is new was in neither training nor calibration."
    return [*found, Table(caption, head, rows, marked)] if rows else found


def _place(part: dict[str, Any]) -> int:
    """Bands from low to high; everything else as it comes, the largest group first."""
    return _LADDER.index(part["value"]) if part["value"] in _LADDER else 0


def _named(column: str, part: dict[str, Any]) -> str:
    said = [f"{len(part['pooled'])} pooled"] if part["pooled"] else []
    said += [f"{len(part['new'])} of them new" if part["pooled"] else "new"] if part["new"] else []
    return f"{_GROUPS.get(column, column)}: {part['value']}" + (f" ({', '.join(said)})" if said else "")


def _counted(part: dict[str, Any]) -> list[str]:
    return [
        f"{part['rows']:,}",
        f"{part['churned_accounts']:,}",
        percent(part["expected"]),
        interval(part["observed"], 1, share=True) + (OFF if part["off"] else ""),
    ]


def term_table(horizons: Sequence[HorizonCard]) -> list[Part]:
    """Base rates by contract term on the holdout, one column a horizon; nothing where terms were not looked at."""
    by_term: dict[str, dict[int, str]] = {}
    for horizon in horizons:
        for part in horizon["evaluation"].get("slices", {}).get("term", []):
            by_term.setdefault(str(part["value"]), {})[horizon["days"]] = (
                f"{percent(part['observed']['value'])} of {part['rows']:,}"
            )
    if not by_term:
        return []
    head = ["Term", *(f"{horizon['days']} days" for horizon in horizons)]
    rows = [[term, *(cells.get(horizon["days"], "-") for horizon in horizons)] for term, cells in by_term.items()]
    return [Table("Base rate by term: share of the holdout's rows, and how many there are.", head, rows)]
