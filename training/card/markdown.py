"""The card as Markdown: a card dict in, text that reads well as it is out."""

from __future__ import annotations

from training.card.content import sections, title_of, verdict_of
from training.card.parts import Bullets, Part, Picture, Table, Text
from training.card.schema import Card

__all__ = ["card_markdown"]


def card_markdown(card: Card, picture: str = "") -> str:
    """A whole document.

    Parameters
    ----------
    picture : the address of the reliability plot, as seen from where the card lies; none when empty.
    """
    lines = [f"# {title_of(card)}", "", f"Labels as known on {card['known_on']}.", "", f"> {verdict_of(card)[1]}"]
    for section in sections(card):
        lines += ["", f"## {section.title}"]
        for part in section.parts:
            rendered = _part(part, picture)
            lines += ["", *rendered] if rendered else []
    lines += ["", f"Data {card['data_fingerprint'][:16]}, features {card['catalogue_hash'][:16]}.", ""]
    return "\n".join(lines)


def _part(part: Part, picture: str) -> list[str]:
    match part:
        case Text(said):
            return [said]
        case Bullets(items):
            return [f"- {item}" for item in items]
        case Picture():
            return [f"![Observed against forecast]({picture})"] if picture else []
        case Table():
            return _table(part)


def _table(table: Table) -> list[str]:
    rule = ["---"] + ["---:" if table.numeric else "---"] * (len(table.head) - 1)
    rows = [table.head, rule, *table.rows]
    return [table.caption, "", *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)]
