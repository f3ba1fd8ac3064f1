"""Together: questions that come while another is being answered in; all of them answered in one go after it, out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

__all__ = ["Together"]

Q = TypeVar("Q")
A = TypeVar("A")


class Together(Generic[Q, A]):
    """Gathers questions while its thread is at work, and never waits for more to come. For one event loop.

    Parameters
    ----------
    answer : for each question its answer, or an exception that is raised to whoever asked; called in a thread, one
        call at a time.
    threads : one of whose threads it uses.
    most : questions in one call.
    """

    def __init__(
        self, answer: Callable[[Sequence[Q]], Sequence[A | Exception]], threads: Executor, *, most: int = 32
    ) -> None:
        self._answer, self._threads, self._most = answer, threads, most
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._at_work = False

    async def ask(self, question: Q) -> A:
        """The answer to a question; one that nobody waits for any more before its turn is dropped."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[A] = loop.create_future()
        self._waiting.append((question, future))
        if not self._at_work:
            self._next(loop)
        return await future

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        batch: list[tuple[Q, asyncio.Future[A]]] = []
        while self._waiting and len(batch) < self._most:
            question, future = self._waiting.popleft()
            if not future.done():
                batch.append((question, future))
        self._at_work = bool(batch)
        if batch:
            self._threads.submit(self._work, loop, batch)

    def _work(self, loop: asyncio.AbstractEventLoop, batch: list[tuple[Q, asyncio.Future[A]]]) -> None:
        answers: Sequence[A | Exception]
        try:
            answers = self._answer([question for question, _ in batch])
        except Exception as error:  # it must be told, and the next questions answered
            answers = [error] * len(batch)
        loop.call_soon_threadsafe(self._deliver, loop, batch, answers)

    def _deliver(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[tuple[Q, asyncio.Future[A]]],
        answers: Sequence[A | Exception],
    ) -> None:
        self._next(loop)  # first, so that the thread has something to do meanwhile
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():  # given up meanwhile
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
