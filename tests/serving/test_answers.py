"""Reading the first drivers of a stored list, and completing them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.answers import encode, leading
from training.kernel.drivers import with_rest

VALUES = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=3))
ITEMS = st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), max_size=6)


@given(items=ITEMS, count=st.integers(1, 7), indent=st.sampled_from([None, 2]), space=st.sampled_from(["", " \n\t"]))
def test_the_first_items_are_those_of_the_whole_list(items: list[object], count: int, indent: int, space: str) -> None:
    text = space + json.dumps(items, indent=indent) + space
    assert leading(text, count) == (items[:count], len(items) > count)


@pytest.mark.parametrize("text", ["", "[", "{}", "null", "[1]", '[{"a": 1}', '[{"a": 1} {"b": 2}]', "[{]", "[,]"])
def test_what_is_no_list_of_objects_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        leading(text, 5)


def test_drivers_that_do_not_add_up_are_refused_and_never_papered_over() -> None:
    assert with_rest([{"points": 0.1}], False, probability=0.3, typical=0.2) == [{"points": 0.1}]
    with pytest.raises(ValueError, match="miss the probability by 2e-09"):
        with_rest([{"points": 0.1}], False, probability=0.3 + 2e-9, typical=0.2)


def test_json_never_says_nan_and_keeps_what_utf8_cannot() -> None:
    assert json.loads(encode({"id": "\ud800 \x00 ü 😀"})) == {"id": "\ud800 \x00 ü 😀"}
    with pytest.raises(ValueError, match="JSON compliant"):
        encode({"p": float("nan")})
