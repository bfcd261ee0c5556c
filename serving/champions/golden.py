"""Test a champion before it takes traffic: it must answer its golden requests as recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Protocol, Self

import orjson
from pydantic import BaseModel, ValidationError

from features.golden import Figures, Golden, Question, differences
from features.questions import BasketQuestion, SizeQuestion
from features.state import StateReader
from models.abuse.answer import AbuseScore
from models.return_risk.answer import LineRisk
from models.size_fit.advice import SizeAdvice
from serving.parts import Endpoint
from serving.problems import Problem

__all__ = ["Exam", "GoldenError", "Portable"]

_MOST_SAID: Final = 3


class GoldenError(RuntimeError):
    """A model does not answer as it was recorded; the message says where it differs."""


class Portable(Protocol):
    """A model that can be asked upon another state than the one it serves from."""

    def over(self, state: StateReader) -> Self:
        """The same model, asking this state."""
        ...


class Exam:
    """The golden requests of one model, as questions to the model and as requests to its endpoint.

    Parameters
    ----------
    endpoint
        Makes the endpoint of a model; None where asking it leaves a trace.
    response
        Shape of its answers.
    """

    def __init__(
        self,
        endpoint: Callable[[Any], Endpoint] | None = None,
        response: type[BaseModel] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._response = response

    def sit(self, folder: Path, model: Any) -> int:
        """Ask a loaded model; return the number of golden requests, 0 where it has none.

        Parameters
        ----------
        folder
            Of its files.
        model
            As it was loaded from there. What cannot be asked upon another state is not asked.

        Raises
        ------
        GoldenError
            An answer fails, has not the shape it must have, or other figures than recorded.
        """
        try:
            golden = Golden.read(folder)
            if golden is None or not hasattr(model, "over"):
                return 0
            apart = model.over(golden.state())
            self._figures(golden, apart)
            self._requests(golden, apart)
        except GoldenError:
            raise
        except Exception as error:
            raise GoldenError(f"it fails at its golden requests: {error!r}") from error
        return len(golden.questions)

    def _figures(self, golden: Golden, model: Any) -> None:
        found: list[str] = []
        told = _FIGURES[golden.model](model, golden.questions)
        for i, (recorded, answer) in enumerate(zip(golden.answers, told, strict=True)):
            found += differences(recorded, answer, f"golden request {i}")
        if found:
            more = f" and {len(found) - _MOST_SAID} more" if len(found) > _MOST_SAID else ""
            raise GoldenError("; ".join(found[:_MOST_SAID]) + more)

    def _requests(self, golden: Golden, model: Any) -> None:
        if self._endpoint is None or self._response is None:
            return
        endpoint, response = self._endpoint(model), self._response

        async def ask(i: int, question: Question) -> None:
            body = await endpoint(orjson.dumps(_request(question)), f"golden-{i}")
            # NaN and infinity are no JSON: they are null by now, which no number may be.
            response.model_validate_json(body)

        async def ask_all() -> None:
            for i, question in enumerate(golden.questions):
                await self._judged(i, ask(i, question))

        # A loop of its own, in a thread of its own: that of this thread may be the service's.
        with ThreadPoolExecutor(1) as apart:
            apart.submit(lambda: asyncio.run(ask_all())).result()

    async def _judged(self, i: int, asked: Awaitable[None]) -> None:
        try:
            await asked
        except Problem as problem:
            raise GoldenError(f"golden request {i} is refused: {problem.detail}") from problem
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise GoldenError(
                f"the answer to golden request {i} has not its shape: {where}: {first['msg']}"
            ) from error


def _sizes(model: Any, questions: Sequence[Question]) -> list[Figures]:
    advice: list[SizeAdvice] = model.advise(model.look_up(questions))
    return [
        {
            "status": each.status,
            "recommended": each.recommended,
            "sizes": {size.label: [size.p_small, size.p_fit, size.p_large] for size in each.sizes},
        }
        for each in advice
    ]


def _risks(model: Any, questions: Sequence[Question]) -> list[Figures]:
    assessed: list[tuple[LineRisk, ...]] = model.assess(questions)
    return [
        {
            "lines": [
                {"p_return": line.p_return, "reasons": list(line.reasons.values())}
                for line in lines
            ]
        }
        for lines in assessed
    ]


def _claims(model: Any, questions: Sequence[Question]) -> list[Figures]:
    scores: list[AbuseScore] = model.score(questions)
    return [{"score": each.score} for each in scores]


_FIGURES: Final[Mapping[str, Callable[[Any, Sequence[Question]], list[Figures]]]] = {
    "size_fit": _sizes,
    "return_risk": _risks,
    "abuse": _claims,
}


def _request(question: Question) -> dict[str, Any]:
    """The question as a body of the API; the moment is that of the request then."""
    if isinstance(question, SizeQuestion):
        told: dict[str, Any] = {
            "product_id": question.product_id,
            "measurements": dict(question.measurements) or None,
        }
    elif isinstance(question, BasketQuestion):
        told = {
            "lines": [
                {"product_id": each.product_id, "size": each.size_label, "colour": each.colour}
                for each in question.lines
            ]
        }
    else:
        raise TypeError(f"{type(question).__name__} is not asked by its endpoint")
    told |= {"market": question.market, "customer_id": question.customer_id}
    return {name: value for name, value in told.items() if value is not None}
