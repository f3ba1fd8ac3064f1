"""Every declaration can be written for every kind of value, and reads as English at odd ones."""

import re

import pytest

from features.catalogue import CATALOGUE
from features.feature import Feature
from training.kernel.sentences import sentence, shown
from training.words import words_of

WORDS = words_of(CATALOGUE, CATALOGUE.names)


@pytest.mark.parametrize("feature", CATALOGUE, ids=lambda f: f.name)
def test_every_declared_sentence_can_be_filled(feature: Feature) -> None:
    values = {f.name: 2.0 if f.kind == "number" else "Pro" for f in CATALOGUE}
    said = sentence(feature.name, values, WORDS)
    assert "{" not in said
    assert said != feature.missing
    assert sentence(feature.name, {}, WORDS) == feature.missing


ODD = (0.0, 1.0, 2.0, 1e-9, 0.004, 0.999, 0.9996, 1.04, 28.0, 99.96, 1e4, 123456789.5, -1e-9, -0.5, -1.0, -3.0, -250.25)
WRONG = (
    ("a value that is not there", r"\b(None|nan|NaN|inf)\b"),
    ("a blank too many", r"  | [,.;]|\s$|^\s"),
    ("one of many", r"(?<![\d.,])1 (?!is\b|was\b)\w+s\b|(?<![\d.,])1 (people|\w+ (tickets|users|features|makers))\b"),
    ("many of one", r"(?<![\d.,])-?(0|[2-9]|\d\d+) (day|hour|month|year|person|seat|user|champion|invoice|renewal)\b"),
    ("a number for machines", r"\de[-+]?\d|\.\d{4,}"),
    ("a minus sign", r"-\d"),
    ("an unfilled place", r"[{}|]"),
    ("a double word", r"\b(\w+) \1\b"),
)


def _possible(feature: Feature) -> list[float]:
    low, high = feature.low, feature.high
    return [v for v in ODD if (low is None or v >= low) and (high is None or v <= high)]


@pytest.mark.parametrize("feature", [f for f in CATALOGUE if f.kind == "number"], ids=lambda f: f.name)
@pytest.mark.parametrize("others", ["all alike", "all missing"])
def test_sentences_read_as_english_at_odd_values(feature: Feature, others: str) -> None:
    for value in _possible(feature):
        values: dict[str, float | str | None] = {feature.name: value}
        if others == "all alike":
            values = {f.name: value if value in _possible(f) else 1.0 for f in CATALOGUE} | values
        said = sentence(feature.name, values, WORDS)
        for what, pattern in WRONG:
            assert not re.search(pattern, said), f"{what} at {value}: {said}"
        assert said[0].isupper() or said[0].isdigit(), said


@pytest.mark.parametrize("value", ["Pro", "north_america", "Süd & Co", "0"])
def test_sentences_of_categories_name_the_value(value: str) -> None:
    for feature in CATALOGUE:
        if feature.kind == "category":
            assert value.replace("_", " ") in sentence(feature.name, {feature.name: value}, WORDS)


@pytest.mark.parametrize("gap", [None, float("nan")])
def test_what_is_missing_is_said_in_words(gap: float | None) -> None:
    for feature in CATALOGUE:
        said = sentence(feature.name, {feature.name: gap}, WORDS)
        assert said == feature.missing
        assert not any(re.search(pattern, said) for _, pattern in WRONG), said


@pytest.mark.parametrize(
    ("show", "value", "expected"),
    [
        ("count|person|people", 1.0, "1 person"),
        ("count|person|people", 0.0, "no people"),
        ("days", 1.0, "1 day"),
        ("days", 0.0, "0 days"),
        ("hours", 5.25, "5.2 hours"),
        ("hours", 72.0, "3 days"),
        ("percent", 0.834, "83.4 %"),
        ("percent", 0.0, "0 %"),
        ("percent", 0.00012, "0.012 %"),
        ("change", -1.0, "fell by 100 %"),
        ("change", 0.999, "rose by 100 %"),
        ("change", 1.0, "grew 2-fold"),
        ("change", 0.004, "did not change"),
        ("difference", -2.0, "fell by 2"),
        ("difference", 0.0, "stayed the same"),
        ("money", 1234567.8, "1,234,568"),
        ("money", 9.5, "9.50"),
        ("number", 2.0, "2"),
        ("number", 0.005, "0.005"),
        ("number", 0.0000123, "less than 0.001"),
        ("number", 99.97, "100"),
        ("age", 365.25, "1 year"),
        ("age", 1.0, "1 day"),
        ("after|the sale", 0.5, "0.5 days after the sale"),
        ("whether|is|is not", 1.0, "is"),
        ("number", -0.0000123, "just below 0"),
        ("money", -0.001, "0"),
        ("money", -1250.0, "minus 1,250"),
        ("days", -1.0, "minus 1 day"),
        ("text", "Pro", "Pro"),
        ("text", "north_america", "north america"),
    ],
)
def test_values_are_written_as_people_write_them(show: str, value: float | str, expected: str) -> None:
    assert shown(show, value) == expected


def test_an_unknown_way_of_writing_is_refused() -> None:
    with pytest.raises(ValueError, match="no way"):
        shown("roman", 4.0)
