"""Sentences: what a list tells in; whether a person could read it out, and the numbers in it, out."""

from __future__ import annotations

import re

__all__ = ["amount", "check", "check_all"]

_NOUNS = "account|day|user|point|department|judgement|promoter"
_PLURAL_OF_ONE = re.compile(rf"(?<![\w,.])1 (?:\w+ )?(?:{_NOUNS})s\b")
_SINGULAR_OF_MANY = re.compile(rf"(?<![\w.])(?:no|[02-9]|\d[\d,]*\d) (?:{_NOUNS})\b(?!')")
_VERBS = re.compile(
    r"(?<![\w,.])1 account (?:are|were|pay|rest|renew)\b|(?:[02-9]|\d\d) accounts (?:is|was|pays|rests)\b"
)
_UNKNOWN = re.compile(r"\b(?:nan|None(?! of \d)|inf|NaT|null)\b|\{|\}|_")


def check(sentence: str) -> None:
    """Raise where it is no sentence."""
    assert sentence[:1].isupper() or sentence[:1].isdigit(), sentence
    assert sentence.endswith("."), sentence
    assert not sentence.endswith(".."), sentence
    assert "  " not in sentence, sentence
    assert " ," not in sentence, sentence
    assert " ." not in sentence, sentence
    for wrong in (_PLURAL_OF_ONE, _SINGULAR_OF_MANY, _VERBS, _UNKNOWN):
        assert not wrong.search(sentence), (wrong.pattern, sentence)


def check_all(sentences: list[str]) -> None:
    """Raise where one of them is no sentence."""
    for sentence in sentences:
        check(sentence)


def amount(pattern: str, sentence: str) -> float:
    """The amount that stands where a pattern has its group.

    >>> amount("puts (AMOUNT) a month", "It puts 1,050 a month at risk.")
    1050.0
    """
    found = re.search(pattern.replace("AMOUNT", r"less than 0\.01|[\d,]+(?:\.\d+)?"), sentence)
    assert found, sentence
    return 0.001 if found[1].startswith("less") else float(found[1].replace(",", ""))
