"""BentoML's own endpoint on the floor's work: the same boosters and vectors, the same answer.

MUSLIN_BENCH_WORK=folder bentoml serve tests.benchmarks.serving.bento_native:Native
"""

import os
from itertools import cycle
from pathlib import Path
from typing import Any

import bentoml
import orjson

from tests.benchmarks.serving.floor import load_work


@bentoml.service(name="native", workers=1, logging={"access": {"enabled": False}})
class Native:
    """Validates the question as an object, asks the models, and gives the answer as an object."""

    def __init__(self) -> None:
        boosters, raw, works = load_work(Path(os.environ["MUSLIN_BENCH_WORK"]))
        self.turns = cycle(
            [
                (
                    [(boosters[b].predict, X, raw[b]) for b, X in work.vectors.items()],
                    orjson.loads(work.answer),
                )
                for work in works
            ]
        )

    # On the event loop, as the others: what is not a coroutine waits for BentoML's one thread.
    @bentoml.api(route="/advise")
    async def advise(self, question: dict[str, Any]) -> dict[str, Any]:
        calls, answer = next(self.turns)
        for predict, X, raw_score in calls:
            predict(X, raw_score=raw_score, num_threads=1)
        return answer
