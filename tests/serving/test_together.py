"""Questions answered in one go: each gets its own answer, nobody waits for more to come, and a fault is told."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.on_demand import feature_answer, feature_answers
from serving.problems import ProblemError
from serving.requests import FeaturesRequest
from serving.together import Together

NOW = dt.datetime(2026, 2, 1, 4, tzinfo=dt.UTC)


class Slowly:
    """Answers numbers with their squares, and only when it is let; refuses 13 and fails at 666."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.go = threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.calls.append(list(numbers))
        assert self.go.wait(5)
        if 666 in numbers:
            raise ArithmeticError("all of them")
        return [KeyError("13") if n == 13 else n * n for n in numbers]


def asked(numbers: list[int], slowly: Slowly, most: int = 32) -> list[Any]:
    async def ask() -> list[Any]:
        together = Together(slowly, threads, most=most)
        tasks = []
        for number in numbers:
            tasks.append(asyncio.create_task(together.ask(number)))
            await asyncio.sleep(0)
        slowly.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    with ThreadPoolExecutor(2) as threads:
        return asyncio.run(ask())


def test_who_comes_first_is_answered_at_once_and_the_others_in_one_go() -> None:
    slowly = Slowly()
    assert asked([1, 2, 3, 4, 5], slowly) == [1, 4, 9, 16, 25]
    assert slowly.calls == [[1], [2, 3, 4, 5]]


def test_a_call_has_no_more_than_it_may() -> None:
    slowly = Slowly()
    assert asked([1, 2, 3, 4, 5, 6], slowly, most=2) == [1, 4, 9, 16, 25, 36]
    assert slowly.calls == [[1], [2, 3], [4, 5], [6]]


def test_a_refusal_is_its_own_and_a_fault_is_told_to_all_and_ends_nothing() -> None:
    answers = asked([1, 13, 2], Slowly())
    assert (answers[0], type(answers[1]), answers[2]) == (1, KeyError, 4)
    answers = asked([1, 666, 2], Slowly())
    assert (answers[0], type(answers[1]), type(answers[2])) == (1, ArithmeticError, ArithmeticError)
    slowly = Slowly()
    assert type(asked([666, 2], slowly)[0]) is ArithmeticError
    assert slowly.calls == [[666], [2]]


def test_who_has_given_up_is_not_asked_for() -> None:
    slowly = Slowly()

    async def ask() -> list[Any]:
        together = Together(slowly, threads)
        tasks = [asyncio.create_task(together.ask(n)) for n in (1, 2, 3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.sleep(0)
        slowly.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    with ThreadPoolExecutor(1) as threads:
        first, given_up, last = asyncio.run(ask())
    assert (first, type(given_up), last) == (1, asyncio.CancelledError, 9)
    assert slowly.calls == [[1], [3]]


ROWS = st.sampled_from(
    [{"mrr": 100}, {"mrr": 5000, "plan": "pro"}, {"mrr": 666}, {"mrr": "much"}, {"days_since_last_use": 3}, {}, 7,
     {"mrr": 1, "account_id": "a", "as_of": "2026-01-03"}]
)  # fmt: skip
REQUESTS = st.builds(
    FeaturesRequest, st.lists(ROWS, min_size=1, max_size=3), st.sampled_from([0, 1, 5]), st.sampled_from([None, 30, 60])
)


@settings(max_examples=40, deadline=None)
@given(requests=st.lists(REQUESTS, min_size=1, max_size=6))
def test_each_request_is_answered_as_it_would_be_alone(
    make_champion: Callable[..., Any], declared: list[Any], requests: list[FeaturesRequest]
) -> None:
    champion = make_champion(expansion=True)
    known = {feature.name: feature for feature in declared}
    for request, answer in zip(requests, feature_answers(champion, requests, known, NOW), strict=True):
        if request.horizon == 60:
            assert isinstance(answer, ProblemError)
            with pytest.raises(ProblemError, match="no horizon of 60"):
                feature_answer(champion, request, known, NOW)
        else:
            assert answer == feature_answer(champion, request, known, NOW)
