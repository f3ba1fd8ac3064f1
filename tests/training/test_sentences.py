"""Every declaration can be written for every kind of value."""

import pytest

from features.catalogue import CATALOGUE
from features.feature import Feature
from training.sentences import sentence, shown


@pytest.mark.parametrize("feature", CATALOGUE, ids=lambda f: f.name)
def test_every_declared_sentence_can_be_filled(feature: Feature) -> None:
    values = {f.name: 2.0 if f.kind == "number" else "Pro" for f in CATALOGUE}
    said = sentence(feature, values, CATALOGUE)
    assert "{" not in said
    assert said != feature.missing
    assert sentence(feature, {}, CATALOGUE) == feature.missing


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
        ("text", "Pro", "Pro"),
        ("text", "north_america", "north america"),
    ],
)
def test_values_are_written_as_people_write_them(show: str, value: float | str, expected: str) -> None:
    assert shown(show, value) == expected


def test_an_unknown_way_of_writing_is_refused() -> None:
    with pytest.raises(ValueError, match="no way"):
        shown("roman", 4.0)
