"""Drawings of the printed quarter: values in; inline SVG that a screen reader is told of in words out.

One unit of a drawing is three quarters of a point where it fills the width it was made for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from serving.quarter.style import BLUE, GRID, INK, ORANGE, PALE, QUIET
from serving.quarter.words import amount, beyond_chance, is_number, safe

__all__ = ["columns", "difference_bar", "drawn", "interval_bar", "line", "lines", "text", "waterfall"]


def drawn(width: float, height: float, body: str, title: str) -> str:
    """A whole drawing.

    Parameters
    ----------
    title : what is to be seen, for who cannot see it.
    """
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{safe(title)}" '
        f'xmlns="http://www.w3.org/2000/svg">{body}</svg>'
    )


def text(
    x: float, y: float, said: str, size: float = 10.5, anchor: str = "start", colour: str = INK, bold: bool = False
) -> str:
    """One line of text."""
    weight = ' font-weight="700"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" fill="{colour}"{weight}>'
        f"{safe(said)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float, colour: str = GRID, width: float = 1.0, dash: str = "") -> str:
    """A straight line."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width:g}"{dashed}/>'
    )


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0.8):.1f}" fill="{colour}"/>'
    )


def waterfall(opening: float, steps: Sequence[tuple[str, float, str]], closing: float, title: str) -> str:
    """From one level to another, step by step; the levels are lines and no bars, since the axis does not begin at 0.

    Parameters
    ----------
    steps : name (of up to two lines), the change, and "gain", "loss" or "" for neither.
    """
    width, height, top, bottom = 680.0, 214.0, 22.0, 32.0
    levels = [opening]
    for _, change, _ in steps:
        levels.append(levels[-1] + change)
    levels.append(closing)
    low, high = min(levels), max(levels)
    room = (high - low) * 0.06 or max(abs(high) * 0.01, 1.0)
    low, high = low - room, high + room

    def y(value: float) -> float:
        return top + (high - value) / (high - low) * (height - top - bottom)

    slot = width / (len(steps) + 2)
    bar = min(slot * 0.62, 52.0)

    def at(place: int) -> float:
        return slot * (place + 0.5)

    body = [line(0, height - bottom + 2, width, height - bottom + 2, PALE)]
    for place, (name, change, kind) in enumerate(steps, start=1):
        before, after = levels[place - 1], levels[place]
        colour = {"gain": BLUE, "loss": ORANGE}.get(kind, QUIET)
        body.append(line(at(place - 1) + bar / 2, y(before), at(place) + bar / 2, y(before), PALE, dash="2 2"))
        body.append(_box(at(place) - bar / 2, y(max(before, after)), bar, abs(y(after) - y(before)), colour))
        place_y = y(max(before, after)) - 5
        body.append(text(at(place), place_y, amount(change, sign=True), 10, "middle"))
        body += _named(at(place), height - bottom + 13, name)
    last = len(steps) + 1
    body.append(line(at(last - 1) + bar / 2, y(closing), at(last) - bar / 2, y(closing), PALE, dash="2 2"))
    for place, level, name in ((0, opening, "At the start"), (last, closing, "At the end")):
        body.append(line(at(place) - bar / 2 - 3, y(level), at(place) + bar / 2 + 3, y(level), INK, 3))
        body.append(text(at(place), y(level) - 7, amount(level), 11, "middle", bold=True))
        body += _named(at(place), height - bottom + 13, name, bold=True)
    return drawn(width, height, "".join(body), title)


def _named(x: float, y: float, name: str, bold: bool = False) -> list[str]:
    return [
        text(x, y + 11 * row, part, 9.6, "middle", INK if bold else QUIET, bold)
        for row, part in enumerate(name.split("\n"))
    ]


def lines(series: Sequence[tuple[str, Sequence[float | None], str]], names: Sequence[str], title: str) -> str:
    """Shares over periods as lines, each named with its last value at its end.

    Parameters
    ----------
    series : name, one share for each period (None: not defined), colour.
    names : of the periods.
    """
    width, height, top, bottom, right = 262.0, 112.0, 10.0, 18.0, 84.0
    known = [float(v) for _, values, _ in series for v in values if v is not None and is_number(v)]
    if not known:
        return ""
    low, high = min(known), max(known)
    room = max((high - low) * 0.12, 0.004)
    low, high = low - room, high + room

    def x(place: int) -> float:
        return 12 + place * (width - right - 26) / max(len(names) - 1, 1)

    def y(value: float) -> float:
        return top + (high - value) / (high - low) * (height - top - bottom)

    body = [line(0, y(1.0), width - right, y(1.0), PALE, dash="2 2")] if low < 1 < high else []
    ends = []
    for name, values, colour in series:
        points = [(x(place), y(float(v))) for place, v in enumerate(values) if v is not None and is_number(v)]
        if not points:
            continue
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        body += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.4" fill="{colour}"/>' for a, b in points]
        last = next(v for v in reversed(values) if v is not None and is_number(v))
        ends.append((points[-1][1], f"{name} {amount(100 * last, 1)} %", colour))
    for (_, said, colour), place in zip(ends, _apart([end[0] for end in ends], 12.5), strict=True):
        body.append(text(width - right + 4, place + 3.5, said, 10, "start", colour, bold=True))
    for place, name in enumerate(names):
        body.append(text(x(place), height - 5, name, 8.6, "middle", QUIET))
    return drawn(width, height, "".join(body), title)


def _apart(places: Sequence[float], gap: float) -> list[float]:
    """The places, moved down as far as they need to stand a gap apart."""
    order = sorted(range(len(places)), key=lambda n: places[n])
    moved = list(places)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    return moved


def columns(values: Sequence[float | None], told: Sequence[str], names: Sequence[str], title: str) -> str:
    """Values over periods as bars from 0, the last one filled; a value that is not defined leaves a gap."""
    width, height, top, bottom = 190.0, 112.0, 16.0, 18.0
    known = [float(value) for value in values if value is not None and is_number(value)]
    if not known:
        return ""
    high = max(*known, 0.0, 1e-9)
    slot = width / len(values)
    bar = min(slot * 0.66, 30.0)
    body = []
    for place, (value, said) in enumerate(zip(values, told, strict=True)):
        x, newest = slot * (place + 0.5), place == len(values) - 1
        tall = (height - top - bottom) * (
            max(float(value), 0.0) / high if value is not None and is_number(value) else 0
        )
        if value is not None and is_number(value):
            body.append(_box(x - bar / 2, height - bottom - tall, bar, tall, BLUE if newest else PALE))
        body.append(text(x, height - bottom - tall - 4, said, 9.6, "middle", INK if newest else QUIET, newest))
    body.append(line(0, height - bottom, width, height - bottom, PALE))
    body += [text(slot * (p + 0.5), height - 5, n, 9, "middle", QUIET) for p, n in enumerate(names)]
    return drawn(width, height, "".join(body), title)


def interval_bar(fig: Mapping[str, Any], low: float, high: float, title: str, width: float = 190) -> str:
    """A value and its interval on an axis that several share, with 0 marked; filled where the interval leaves 0 out."""
    value, first, last = (fig.get(part) for part in ("value", "low", "high"))

    def x(number: float) -> float:
        return 5 + (min(max(number, low), high) - low) / ((high - low) or 1) * (width - 10)

    tall = 16.0
    middle = tall / 2
    body = line(x(0), 0, x(0), tall, QUIET, 0.8)
    side = beyond_chance(fig)
    colour = {1: BLUE, -1: ORANGE}.get(side, QUIET)
    if is_number(first) and is_number(last):
        body += line(x(float(first or 0)), middle, x(float(last or 0)), middle, colour, 2.2)
    if is_number(value):
        fill = colour if side else "#ffffff"
        body += (
            f'<circle cx="{x(float(value or 0)):.1f}" cy="{middle:g}" r="3.6" fill="{fill}" stroke="{colour}" '
            'stroke-width="1.6"/>'
        )
    return drawn(width, tall, body, title)


def difference_bar(value: float | None, widest: float, title: str, width: float = 90, tall: float = 12) -> str:
    """A difference as a bar to either side of 0."""
    middle = width / 2
    body = ""
    if value is not None and is_number(value) and widest > 0:
        long = min(abs(value) / widest, 1.0) * (middle - 1)
        body = _box(middle if value > 0 else middle - long, 2, long, tall - 4, BLUE if value > 0 else ORANGE)
    return drawn(width, tall, body + line(middle, 0, middle, tall, QUIET, 0.8), title)
