"""Markup: text from data in; the same as Markdown that shows it letter by letter, and nothing else, out."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["escaped", "one_line"]

_SPECIAL = re.compile(r"[\\`*\[\]<>|~$]")
_EDGE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # inside of a word an underscore means nothing
_ENTITY = re.compile(r"&(?=#?\w+;)")
_ADDRESS = re.compile(r"(?i)\b(https?|ftp)(?=:)|\b(www)(?=\.)")
_BLOCK = re.compile(r"^([-+=#]|\d+(?=[.)](?:\s|$)))")


def one_line(text: object, most: int = 80) -> str:
    """Text from data as part of a line: without line ends, control and direction marks, and not endless.

    >>> one_line("Zoë\\n# Ltd"), one_line("x" * 9, most=5)
    ('Zoë # Ltd', 'xxxx…')
    """
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in str(text))
    kept = "".join(c for c in kept if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))
    kept = " ".join(kept.split())
    return kept if len(kept) <= most else f"{kept[: most - 1]}…"


def escaped(text: str) -> str:
    """One line of text as Markdown: no link, image, HTML, heading, list or emphasis comes of it.

    >>> escaped("[a](http://b) <i> *c* snake_case _d_")
    '\\\\[a\\\\](http\\\\://b) \\\\<i\\\\> \\\\*c\\\\* snake_case \\\\_d\\\\_'
    >>> escaped("1. first"), escaped("# second"), escaped("&lt;")
    ('1\\\\. first', '\\\\# second', '\\\\&lt;')
    """
    text = _SPECIAL.sub(r"\\\g<0>", text)
    text = _EDGE.sub(r"\\_", text)
    text = _ENTITY.sub(r"\\&", text)
    text = _ADDRESS.sub(r"\g<0>\\", text)
    found = _BLOCK.match(text)
    if not found:
        return text
    start = found[0]
    return f"{start}\\{text[len(start) :]}" if start[0].isdigit() else f"\\{text}"
