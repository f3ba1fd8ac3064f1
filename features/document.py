"""Document: the catalogue in, its page of documentation out (`python -m features.document > docs/features.md`)."""

from __future__ import annotations

from features import algebra as a
from features.catalogue import CATALOGUE
from features.feature import DIMENSIONS, Catalogue, Feature

__all__ = ["catalogue_page", "measured"]


def catalogue_page(catalogue: Catalogue = CATALOGUE) -> str:
    """The catalogue as Markdown, one table a dimension."""
    controlled = sum(f.csm_controlled for f in catalogue)
    lines = [
        "# Features",
        "",
        f"{len(catalogue)} features, generated from the catalogue by `make docs`; do not edit. Each speaks from the",
        "start of an as_of day and knows only what was known strictly before it. Windows are half-open: the last 28",
        "days are `[as_of - 28, as_of)`. `/score_features` takes exactly these names; a number outside its bounds is",
        "refused, a missing one is null or left out.",
        "",
        "*Good* is the direction that never raises the predicted risk. Features of one *story* make one driver",
        f"together. The {controlled} marked *CSMs control it* serve reports and causal estimates; the models behind",
        "probabilities leave them out.",
        "",
        f"Catalogue hash: `{catalogue.hash}`",
    ]
    for dimension in DIMENSIONS:
        members = [f for f in catalogue if f.dimension == dimension]
        if not members:
            continue
        lines += ["", f"## {dimension.capitalize()}", ""]
        lines += ["| feature | measured | unit | bounds | good | act on it | story | reads as | when missing |"]
        lines += ["| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
        lines += [_row(f) for f in members]
    return "\n".join(lines) + "\n"


def _row(f: Feature) -> str:
    bounds = "any" if f.low is None and f.high is None else f"{_bound(f.low)} to {_bound(f.high)}"
    act = "yes" if f.actionable else "no"
    if f.csm_controlled:
        act += "; CSMs control it"
    cells = [f"`{f.name}`", measured(f.measure), f.unit, bounds, f.good, act, f.driver, f.sentence, f.missing]
    return "| " + " | ".join(cells) + " |"


def _bound(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


def measured(expression: a.Expression) -> str:
    """An expression in words.

    >>> measured(a.Ratio(a.Count(a.Window("tickets", days=90)), a.State("seats")))
    'rows of tickets, last 90 days / seats at as_of'
    >>> measured(a.Change(a.Ratio(a.State("mrr"), a.State("seats")), a.Minus(a.State("mrr"), a.State("seats"))))
    '(mrr at as_of / seats at as_of) / (mrr at as_of - seats at as_of) - 1'
    """
    match expression:
        case a.State(column):
            return f"{column} at as_of" if column != "as_of" else "as_of"
        case a.DaysUntil(date):
            return f"days until {measured(date)}"
        case a.Included(core):
            return f"{'core ' if core else ''}features that the plans at as_of include"
        case a.Ratio(top, bottom):
            return f"{_part(top)} / {_part(bottom)}"
        case a.Change(now, before):
            return f"{_part(now)} / {_part(before)} - 1"
        case a.Least(left, right):
            return f"the smaller of {_part(left)} and {_part(right)}"
        case a.Minus(left, right):
            return f"{_part(left)} - {_part(right)}"
        case a.Count(window):
            return f"rows of {_window(window)}"
        case a.Sum(window, column):
            return f"sum of {column} in {_window(window)}"
        case a.Distinct(window, column):
            return f"distinct {column} in {_window(window)}"
        case a.Regulars(window, column, at_least):
            return f"distinct {column} with rows on at least {at_least} days in {_window(window)}"
        case a.LimitShare(window):
            return f"largest share of a feature's monthly limit that its events come to in {_window(window)}"
        case a.Active(window):
            return f"days with rows in {_window(window)}"
        case a.Mean(window, column):
            return f"mean {column} in {_window(window)}"
        case a.MedianHours(window, start, end):
            return f"median hours from {start} to {end} in {_window(window)}"
        case a.Latest(window, column):
            return f"latest {column} in {_window(window)}"
        case a.DaysSince(window):
            return f"days since the latest of {_window(window)}"
        case a.Earliest(window):
            return f"days since the first of {_window(window)}"
    raise TypeError(f"There are no words for {type(expression).__name__}.")


def _part(expression: a.Expression) -> str:
    text = measured(expression)
    return f"({text})" if isinstance(expression, a.Ratio | a.Change | a.Minus) else text


def _window(window: a.Window) -> str:
    if window.days is None:
        when = "" if window.until == 0 else f", until {window.until} days ago"
    elif window.until:
        when = f", {window.until + window.days} to {window.until} days ago"
    else:
        when = f", last {window.days} days"
    placed = f" by {window.at}" if window.at else ""
    where = " and ".join(_condition(c) for c in window.where)
    whole = ", if known in full" if window.whole else ""
    return f"{window.table}{f' with {where}' if where else ''}{when}{placed}{whole}"


def _condition(condition: a.Condition) -> str:
    values = " or ".join(str(v) for v in condition.values)
    match condition.test:
        case "in":
            return f"{condition.column} {values}"
        case "due":
            return f"{condition.column} before as_of"
        case "role":
            return f"{condition.column} of a {values}" if values else f"{condition.column} of a registered user"
        case "entitled":
            return f"a {condition.column} that the plans at as_of include"
        case "core":
            return f"a core {condition.column} of the plans at as_of"
        case "empty" | "filled":
            return f"{condition.column} {condition.test}"
        case _:
            return f"{condition.column} {condition.test} {values}"


if __name__ == "__main__":
    print(catalogue_page(), end="")
