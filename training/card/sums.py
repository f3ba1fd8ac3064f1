"""The card's sums: what was expected and what came in; a table a horizon, with what misses told apart, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.card.parts import OFF, Bullets, Event, Part, Table, Text, interval
from training.card.schema import HorizonCard

__all__ = ["sum_parts"]

_CUTS = {"all": "All rows", "segment": "Segment", "decile": "Decile"}
_DECILES = "Decile 10 holds the tenth of the rows with the highest forecasts."
_BY_CHANCE = 0.1
"""How many 90 % intervals miss what is right."""


def sum_parts(horizons: Sequence[HorizonCard], event: Event) -> list[Part]:
    """How many sums miss at each horizon, and one table a horizon; nothing where none were made."""
    shown = [horizon for horizon in horizons if horizon.get("sums")]
    if not shown:
        return []
    names = _names(shown, event)
    said = (
        f"Each cell: how many rows {event.did}, for how many were expected, and their ratio with its 90 % interval. "
        "An account has one row an as_of day; its rows stand or fall together, and the calibration's own error is "
        "counted. Where less than one was expected, a ratio stands only if it misses 1."
    )
    if "renewal" in names:
        said += f" {names['renewal']}: only rows whose next renewal lies within the horizon."
    if "mrr" in names:
        said += f" {names['mrr']}: what accounts pay on the horizon's last day, nothing where they have {event.did}."
    parts: list[Part] = [Text(said), Bullets([_misses(horizon, names) for horizon in shown])]
    if len(names) == 1:
        return [*parts, _one_table(shown, *names)]
    return parts + [_table(horizon, names) for horizon in shown]


def _names(horizons: Sequence[HorizonCard], event: Event) -> dict[str, str]:
    """Column titles by name, of what there is at any horizon."""
    titles = {
        "events": event.did.capitalize(),
        "voluntary": "By own will",
        "involuntary": "For want of payment",
        "renewal": "By the next renewal",
        "mrr": "MRR left",
    }
    return {name: title for name, title in titles.items() if any(name in h.get("sums", {}) for h in horizons)}


def _misses(horizon: HorizonCard, names: Mapping[str, str]) -> str:
    sums = horizon.get("sums", {})
    found = [one for name in names for cut in sums.get(name, {}).values() for one in cut if one["ratio"] is not None]
    missing = sum(_off(one) for one in found)
    over_all = [
        f"{title} {_ratio(one, name)}"
        for name, title in names.items()
        for one in sums.get(name, {}).get("all", [])
        if _off(one)
    ]
    said = f"{horizon['days']} days: {missing} of {len(found)} ratios miss 1; by chance alone about "
    said += f"{_BY_CHANCE * len(found):.0f} may."
    return said + (f" Over all rows: {'; '.join(over_all)}." if over_all else " Over all rows none does.")


def _table(horizon: HorizonCard, names: Mapping[str, str]) -> Table:
    sums = horizon.get("sums", {})
    rows = _rows([{key: _cell(one, name) for key, one in _grouped(sums.get(name, {}))} for name in names])
    how = "" if horizon["validation"] == "in time" else f" (not validated in time: {horizon['validation']})"
    return Table(f"Within {horizon['days']} days{how}. {_DECILES}", ["", *names.values()], rows)


def _one_table(horizons: Sequence[HorizonCard], name: str) -> Table:
    """The one sum that there is, a column a horizon."""
    columns = [{key: _cell(one, name) for key, one in _grouped(h.get("sums", {}).get(name, {}))} for h in horizons]
    return Table(f"At each horizon. {_DECILES}", ["", *(f"{h['days']} days" for h in horizons)], _rows(columns))


def _grouped(cuts: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[tuple[tuple[str, str], Mapping[str, Any]]]:
    return [((cut, str(one["group"])), one) for cut, found in cuts.items() for one in found]


def _rows(columns: Sequence[Mapping[tuple[str, str], str]]) -> list[list[str]]:
    """One row a group that any column has."""
    groups = dict.fromkeys(group for column in columns for group in column)
    return [[_row_name(*group), *(column.get(group, "-") for column in columns)] for group in groups]


def _row_name(cut: str, group: str) -> str:
    """The group as the table calls it.

    >>> _row_name("all", "all"), _row_name("segment", "smb"), _row_name("decile", "01 (lowest)")
    ('All rows', 'Segment: smb', 'Decile 1')
    """
    if cut == "decile":
        return f"Decile {int(group[:2])}"
    return _CUTS["all"] if cut == "all" else f"{_CUTS.get(cut, cut)}: {group}"


def _cell(one: Mapping[str, Any], name: str) -> str:
    amount = _money if name == "mrr" else _count
    said = f"{amount(one['realised'])} for {amount(one['expected'], expected=True)}"
    if one["ratio"] is None or (name != "mrr" and one["expected"] < 1 and not _off(one)):
        return said
    return f"{said}: {_ratio(one, name)}" + (OFF if _off(one) else "")


def _ratio(one: Mapping[str, Any], name: str) -> str:
    """Revenue is mostly kept, so that its ratio needs more digits; so does one that misses 1 by a hair."""
    hair = _off(one) and min(abs(one["low"] - 1), abs(one["high"] - 1)) < 0.005
    digits = 3 if name == "mrr" or hair else 2
    return interval({"value": one["ratio"], "low": one["low"], "high": one["high"]}, digits)


def _off(one: Mapping[str, Any]) -> bool:
    return one["low"] is not None and not one["low"] <= 1 <= one["high"]


def _count(number: float, *, expected: bool = False) -> str:
    """Rows; expected ones come in parts.

    >>> _count(54.0), _count(3.396, expected=True), _count(1176.08, expected=True)
    ('54', '3.4', '1,176')
    """
    return f"{number:,.1f}" if expected and number < 100 else f"{number:,.0f}"


def _money(amount: float, *, expected: bool = False) -> str:
    """An amount in three figures or more.

    >>> _money(5419902.0), _money(217034.7), _money(812.4)
    ('5.42 M', '217 k', '812')
    """
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if abs(amount) >= 10 * size or (letter == " M" and abs(amount) >= size):
            return (
                f"{amount / size:,.{0 if abs(amount) >= 100 * size else 1 if abs(amount) >= 10 * size else 2}f}{letter}"
            )
    return f"{amount:,.0f}"
