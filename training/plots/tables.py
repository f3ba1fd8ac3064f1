"""A frame as a table that a person reads: no row numbers, figures to the right, few digits, and long text in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_float_dtype, is_integer_dtype, is_numeric_dtype

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pandas.io.formats.style import Styler
    from pandas.io.formats.style_render import CSSDict

__all__ = ["shown"]


def shown(frame: pd.DataFrame, **formats: str) -> Styler:
    """The frame, to be looked at in a notebook.

    Parameters
    ----------
    frame : its columns' names are the heads; its index is not shown.
    formats : by column, how its values are written, as in `share="{:.1%}"`. Without one, whole numbers come with
        thousands, other numbers with three digits, days as days, and what is missing is left empty.
    """
    names = [str(name) for name in frame.columns]
    written: dict[Any, Any] = {name: formats.get(name) or _usual(frame[name]) for name in names}
    numbers: list[Hashable] = [n for n in names if is_numeric_dtype(frame[n]) and not is_bool_dtype(frame[n])]
    texts: list[Hashable] = [n for n in names if n not in numbers]
    styler = frame.style.hide(axis="index").format(written, na_rep="")
    wide = "46em" if len(names) <= 4 else "34em"
    aligned = {"text-align": "left", "max-width": wide, "white-space": "normal", "vertical-align": "top"}
    styler = styler.set_properties(subset=texts, **aligned)
    styler = styler.set_properties(subset=numbers, **{"text-align": "right", "vertical-align": "top"})
    heads: list[CSSDict] = [
        {"selector": f"th.col{place}", "props": f"text-align: {'right' if name in numbers else 'left'}"}
        for place, name in enumerate(frame.columns)
    ]
    roomy: CSSDict = {"selector": "td, th", "props": "padding: 0.25em 0.9em 0.25em 0.2em"}
    return styler.set_table_styles([*heads, roomy])


def _usual(column: pd.Series) -> str | None:
    if is_bool_dtype(column):
        return None
    if is_integer_dtype(column):
        return "{:,.0f}"
    if is_float_dtype(column):
        there = column.dropna()
        return "{:,.0f}" if len(there) and bool((there == there.round()).all()) else "{:,.3g}"
    if is_datetime64_any_dtype(column):
        return "{:%Y-%m-%d}"
    return None
