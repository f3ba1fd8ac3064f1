"""The card as one HTML file that loads nothing from anywhere and runs no script."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from html import escape

from features.validation.page import STYLE
from training.card.content import sections, title_of, verdict_of
from training.card.parts import OFF, Bullets, Part, Picture, Table, Text
from training.card.schema import Card

__all__ = ["card_html"]

_MORE = """
.words { min-width: 20rem; }
table { border-collapse: separate; border-spacing: 0; border-bottom: 1px solid var(--line); }
th, td { border-bottom: 0; }
tbody th, tbody td { border-top: 1px solid var(--line); }
table.pairs { width: auto; }
td.number, th.number { padding-left: .75rem; padding-right: 0; }
td.number:last-child, th.number:last-child { padding-right: .25rem; }
thead th { white-space: normal; vertical-align: bottom; }
tbody th { position: sticky; left: 0; background: var(--paper); min-width: 8rem; max-width: 16rem; }
tr.marked td, tr.marked th, td.off { color: var(--bad); }
.range { display: block; color: var(--soft); font-size: .85em; line-height: 1.3; }
tr.marked .range, td.off .range { color: inherit; }
.caption { color: var(--soft); font-size: .9rem; margin: 1.5rem 0 0; max-width: none; }
figure { margin: 1.25rem 0; overflow-x: auto; }
figure img { display: block; max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line); }
@media (max-width: 40rem) { tbody th { min-width: 7.5rem; max-width: 9rem; overflow-wrap: anywhere; }
  figure img { max-width: none; width: 46rem; } }
"""
_UNIT = re.compile(r"(?<=\d) (?=%|days\b)")
_RANGE = re.compile(r"^(.+?)(?:: | (?=\())(.*\(.+\))(.*)$")


def card_html(card: Card, picture: bytes = b"") -> str:
    """A whole HTML document.

    Parameters
    ----------
    picture : the reliability plot as PNG, put inside the page; none when empty.
    """
    passed, reason = verdict_of(card)
    parts = sections(card)
    links = "".join(f'<li><a href="#{s.anchor}">{escape(s.title)}</a></li>' for s in parts)
    body = "".join(
        f'<section aria-labelledby="{s.anchor}"><h2 id="{s.anchor}">{escape(s.title)}</h2>'
        f"{''.join(_part(part, picture) for part in s.parts)}</section>"
        for s in parts
    )
    title = escape(title_of(card))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">\n'
        f"<title>{title}</title>\n<style>{STYLE}{_MORE}</style>\n</head>\n<body>\n<header><h1>{title}</h1>"
        f'<p class="soft">Labels as known on {escape(card["known_on"])}.</p>'
        f'<p class="verdict{"" if passed else " bad"}">{escape(reason)}</p></header>\n'
        f'<nav aria-label="Parts of this card"><ul>{links}</ul></nav>\n<main>{body}</main>\n'
        f'<footer class="soft"><p>Made by <code>tenure train</code>. Data '
        f"<code>{escape(card['data_fingerprint'][:16])}</code>, features "
        f"<code>{escape(card['catalogue_hash'][:16])}</code>.</p></footer>\n</body>\n</html>\n"
    )


def _part(part: Part, picture: bytes) -> str:
    match part:
        case Text(said):
            return f"<p>{_kept(said)}</p>"
        case Bullets(items):
            return f"<ul>{''.join(f'<li>{_kept(item)}</li>' for item in items)}</ul>"
        case Picture():
            if not picture:
                return ""
            data = base64.b64encode(picture).decode("ascii")
            said = "Observed share against forecast probability, in bins of equal size, at every horizon"
            return f'<figure><img src="data:image/png;base64,{data}" alt="{said}"></figure>'
        case Table():
            return _table(part)


def _table(table: Table) -> str:
    def kind(column: int) -> str:
        if table.numeric and len(table.head) > 2:
            return ' class="number"'
        return ' class="words"' if column == len(table.head) - 1 and len(table.head) > 2 else ""

    head = f'<th scope="col">{escape(table.head[0])}</th>' + "".join(
        f'<th scope="col"{kind(n)}>{escape(title)}</th>' for n, title in enumerate(table.head) if n
    )
    rows = "".join(_row(table, number, kind) for number in range(len(table.rows)))
    pairs = ' class="pairs"' if len(table.head) == 2 else ""
    return (
        f'<p class="caption">{_kept(table.caption)}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.caption)}"><table{pairs}>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(table: Table, number: int, kind: Callable[[int], str]) -> str:
    name, *cells = table.rows[number]
    cell = _cell if table.numeric else _kept

    def marks(text: str, n: int) -> str:
        return kind(n).replace('"number"', '"number off"') if text.endswith(OFF) else kind(n)

    marked = ' class="marked"' if number in table.marked else ""
    rest = "".join(f"<td{marks(text, n)}>{cell(text)}</td>" for n, text in enumerate(cells, start=1))
    return f'<tr{marked}><th scope="row">{_kept(name)}</th>{rest}</tr>'


def _kept(text: str) -> str:
    """Escaped, with no line break between a number and its unit."""
    return _UNIT.sub("\u00a0", escape(text))


def _cell(text: str) -> str:
    """A figure's interval stands below it, so that five models fit side by side."""
    found = _RANGE.match(text)
    if found is None:
        return _kept(text)
    return f'{escape(found[1] + found[3])} <span class="range">{escape(found[2])}</span>'
