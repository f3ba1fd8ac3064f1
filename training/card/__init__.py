"""The model card: what is known of a version, as a dict, in; one page for people out, in Markdown or HTML."""

from training.card.markdown import card_markdown
from training.card.page import card_html
from training.card.schema import BlockCard, Card, HorizonCard

__all__ = ["BlockCard", "Card", "HorizonCard", "card_html", "card_markdown"]
