"""Answer together what several requests ask at the same moment.

A question to a model costs a fixed part, whatever the number of its rows: some hundred calls of
numpy, two look-ups, a call of each booster. Requests that have arrived by the same look at the
network share it. Nobody waits for others to come: who is alone is answered at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

__all__ = ["MOST", "Together"]

MOST: Final = 25
"""Questions answered at once: what waits behind them waits so long."""

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(slots=True)
class _Asked(Generic[Q, A]):
    questions: Sequence[Q]
    size: int
    answers: asyncio.Future[list[A]]


class Together(Generic[Q, A]):
    """Gathers the questions of an event loop and hands them on.

    Parameters
    ----------
    answer
        Answers questions in order; called in the event loop.
    most
        Questions that are answered in one call. Who asks more at once gets a call of its own.
    size
        How many questions one counts for.
    """

    def __init__(
        self,
        answer: Callable[[list[Q]], Sequence[A]],
        most: int = MOST,
        *,
        size: Callable[[Q], int] = lambda _: 1,
    ) -> None:
        self._answer = answer
        self._most = most
        self._size = size
        self._waiting: deque[_Asked[Q, A]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, questions: Sequence[Q]) -> list[A]:
        """Answer questions, with those of others.

        Raises
        ------
        Exception
            What `answer` raised for these questions alone: those of others do no harm.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # what waited in another ended with it
            self._loop = loop
            self._waiting.clear()
        if not self._waiting:
            loop.call_soon(self._next, loop)
        size = sum(map(self._size, questions))
        asked = _Asked[Q, A](questions, size, loop.create_future())
        self._waiting.append(asked)
        return await asked.answers

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:
            return
        taken: list[_Asked[Q, A]] = []
        count = 0
        while self._waiting and (not count or count + self._waiting[0].size <= self._most):
            asked = self._waiting.popleft()
            if not asked.answers.done():  # else its request was given up
                taken.append(asked)
                count += asked.size
        if self._waiting:
            loop.call_soon(self._next, loop)
        if taken:
            self._answer_all(taken)

    def _answer_all(self, taken: list[_Asked[Q, A]]) -> None:
        try:
            answers = list(self._answer([each for asked in taken for each in asked.questions]))
        except Exception as error:
            if len(taken) == 1:
                taken[0].answers.set_exception(error)
                return
            for asked in taken:
                self._answer_all([asked])
            return
        start = 0
        for asked in taken:
            end = start + len(asked.questions)
            asked.answers.set_result(answers[start:end])
            start = end
