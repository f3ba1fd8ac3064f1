"""What holds of every declaration, whatever it measures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from features.algebra import Condition, Window
from features.catalogue import CATALOGUE
from features.contract import CONTRACT
from features.feature import DIMENSIONS, Feature

each = pytest.mark.parametrize("feature", CATALOGUE, ids=lambda f: f.name)
BY_CSMS = {"touches", "assignments"}


def parts(node: Any) -> Iterator[Any]:
    """Everything an expression is made of, itself included."""
    yield node
    if is_dataclass(node):
        for f in fields(node):
            yield from parts(getattr(node, f.name))
    elif isinstance(node, tuple):
        for item in node:
            yield from parts(item)


def windows(feature: Feature) -> list[Window]:
    return [part for part in parts(feature.measure) if isinstance(part, Window)]


def conditions(feature: Feature) -> list[Condition]:
    return [part for part in parts(feature.measure) if isinstance(part, Condition)]


def test_all_dimensions_are_there_one_after_the_other() -> None:
    seen = [feature.dimension for feature in CATALOGUE]
    assert tuple(dict.fromkeys(seen)) == DIMENSIONS
    assert seen == sorted(seen, key=DIMENSIONS.index)


def test_each_dimension_has_a_module_and_a_test_of_its_own(request: pytest.FixtureRequest) -> None:
    import features.catalogue

    folder = Path(features.catalogue.__file__).parent
    assert {p.stem for p in folder.glob("*.py")} == {*DIMENSIONS, "__init__", "words"}
    assert {p.stem for p in request.path.parent.glob("test_*.py")} == {
        "test_catalogue",
        *(f"test_{d}" for d in DIMENSIONS),
    }


@each
def test_names_and_text_are_in_form(feature: Feature) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", feature.name)
    for text in (feature.sentence, feature.missing):
        assert text == text.strip()
        assert not text.endswith(".")
        assert "—" not in text
    assert "{" not in feature.missing
    named = re.findall(r"\{(\w+)\}", feature.sentence)
    assert "value" in named
    assert all(name == "value" or name in CATALOGUE for name in named)


@each
def test_tables_and_columns_are_those_of_the_contract(feature: Feature) -> None:
    for window in windows(feature):
        columns = CONTRACT[window.table].by_name
        assert window.at is None or window.at in columns
        assert {c.column for c in window.where} <= set(columns)
    for part in parts(feature.measure):
        for name in ("column", "start", "end"):
            if hasattr(part, "window") and hasattr(part, name):
                assert getattr(part, name) in CONTRACT[part.window.table].by_name


@each
def test_what_csms_control_is_marked_and_nothing_else(feature: Feature) -> None:
    tables = {w.table for w in windows(feature)}
    kinds = [c.values for w in windows(feature) if w.table == "surveys" for c in w.where if c.column == "kind"]
    assert "surveys" not in tables or kinds, "without a kind the CSM's own pulse would count as an answer"
    assert feature.csm_controlled == bool(tables & BY_CSMS or any("csm_pulse" in values for values in kinds))


@each
def test_use_means_at_least_one_event(feature: Feature) -> None:
    for window in windows(feature):
        if window.table == "usage":
            assert Condition("events", "at least", (1,)) in window.where


@each
def test_a_direction_is_claimed_of_numbers_only(feature: Feature) -> None:
    assert feature.kind == "number" or feature.good == "neither"
    assert feature.low is None or feature.high is None or feature.low < feature.high


def test_a_story_stays_within_its_dimension() -> None:
    dimensions: dict[str, set[str]] = {}
    for feature in CATALOGUE:
        dimensions.setdefault(feature.driver, set()).add(feature.dimension)
    assert {story for story, found in dimensions.items() if len(found) > 1} == set()


OPTIONAL = [f for f in CATALOGUE if any(w.table != "usage" for w in windows(f)) or "Included" in repr(f.measure)]


@pytest.mark.parametrize("feature", OPTIONAL, ids=lambda f: f.name)
def test_without_its_table_a_feature_is_missing_and_never_zero(feature: Feature, check: Callable[..., None]) -> None:
    check(feature.name, {}, {"A": None, "B": None, "C": None})
