"""The look that all figures share: colours, titles, axes, and a figure that shows itself in a notebook."""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

__all__ = ["BLUE", "GRID", "INK", "ORANGE", "PALE", "QUIET", "headed", "percent_axis", "picture", "quiet",
           "signed", "spaced", "wrapped"]  # fmt: skip

INK, QUIET, GRID, PALE = "#1f2933", "#616e7c", "#e4e7eb", "#cbd2d9"
BLUE, ORANGE = "#0b6e99", "#d9822b"
"""Blue and orange stay apart for every kind of colour vision, and in grey. Orange is what raises a risk."""

_PIXELS_AN_INCH = 100  # as shown; drawn at one and a half times that, for dense screens
_DPI = 150
_MARGIN = 0.12  # inches


def picture(width: float = 8.0, height: float = 4.0, *, placed: bool = False) -> Figure:
    """An empty figure that shows itself in a notebook, without pyplot's global state.

    Parameters
    ----------
    width, height : inches; 8 fill a notebook's column.
    placed : whether the caller places axes itself; otherwise they are laid out so that nothing overlaps.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    class Picture(Figure):
        def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
            drawn, buffer = io.BytesIO(), io.BytesIO()
            self.savefig(drawn, format="png", dpi=_DPI)
            # Few figures need more than 256 colours, and a notebook keeps every one of them as text.
            Image.open(drawn).convert("RGB").quantize(256).save(buffer, "png", optimize=True)
            wide, high = (round(float(inches) * _PIXELS_AN_INCH) for inches in self.get_size_inches())
            return buffer.getvalue(), {"width": wide, "height": high}

    figure = Picture(figsize=(width, height), dpi=_PIXELS_AN_INCH, facecolor="white")
    figure.set_layout_engine("none" if placed else "constrained")
    FigureCanvasAgg(figure)
    return figure


def headed(figure: Figure, title: str, below: str = "") -> None:
    """Put a title that says what is seen, and a quiet line below it, above everything else."""
    width, height = figure.get_size_inches()
    # DejaVu Sans: a bold letter of 13 points is 0.12 inches wide on average, a plain one of 9.5 is 0.074.
    lines = textwrap.wrap(title, int((width - 2 * _MARGIN) / 0.122))
    under = [part for line in below.splitlines() for part in textwrap.wrap(line, int((width - 2 * _MARGIN) / 0.0755))]
    top = 0.16
    for line in lines:
        _at(figure, line, top, fontsize=13, fontweight="bold", color=INK)
        top += 0.24
    top += 0.04
    for line in under:
        _at(figure, line, top, fontsize=9.5, color=QUIET)
        top += 0.18
    edge, floor = _MARGIN / width, 0.04 / height
    spaced(figure, rect=(edge, floor, 1 - 2 * edge, 1 - (top + 0.06) / height - floor))


def spaced(figure: Figure, **room: Any) -> None:
    """Room around and between the axes, as matplotlib's constrained layout calls it."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(**room)


def _at(figure: Figure, text: str, top: float, **look: Any) -> Text:
    width, height = figure.get_size_inches()
    return figure.text(_MARGIN / width, 1 - top / height, text, va="top", ha="left", **look)


def quiet(axes: Axes, grid: Literal["x", "y", "both", ""] = "") -> None:
    """Nothing but what is needed: no frame, quiet ticks, a grid along "x", "y" or "both" where it helps to read."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    axes.xaxis.label.set(color=QUIET, fontsize=9.5)
    axes.yaxis.label.set(color=QUIET, fontsize=9.5)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color=GRID, linewidth=0.8)


def percent_axis(axes: Axes, which: Literal["x", "y"], most: int = 6, *, points: bool = False) -> None:
    """Shares as percent on the x or the y axis, with as many decimals as its ticks need.

    Parameters
    ----------
    points : they are percentage points: without the sign of percent, and signed where some are below 0.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
    ticks = np.diff(axis.get_majorticklocs())
    step = 100 * float(ticks.min()) if len(ticks) else 1.0
    decimals = next((d for d in range(6) if abs(round(step, d) - step) < 1e-9), 6)

    def written(value: float, _: int) -> str:
        if points:
            number = 100 * value
            low = float(axis.get_view_interval()[0])
            return "0" if abs(number) < 1e-9 else signed(number, decimals) if low < 0 else f"{number:.{decimals}f}"
        return f"{100 * value:.{decimals}f} %".replace("-", "\N{MINUS SIGN}")

    axis.set_major_formatter(FuncFormatter(written))


def signed(value: float, decimals: int) -> str:
    """A number with its sign, and a minus as long as a plus.

    >>> signed(-1.25, 1), signed(2, 0)
    ('−1.2', '+2')
    """
    return f"{value:+.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def wrapped(text: str, width: int) -> str:
    """Text in as few lines as fit a width in letters, and none of them much shorter than the others."""
    lines = len(textwrap.wrap(text, width))
    narrow = next((w for w in range(max(len(text) // max(lines, 1), 1), width) if _lines(text, w) == lines), width)
    return "\n".join(textwrap.wrap(text, narrow)) or text


def _lines(text: str, width: int) -> int:
    # A word that is longer than the width would be torn apart.
    return len(textwrap.wrap(text, width)) if max(map(len, text.split()), default=0) <= width else 0
