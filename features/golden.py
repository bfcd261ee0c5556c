"""Golden requests: a few questions with the little state they need, and what a model answers.

They are kept with the model, so that whoever loads it later, on another machine or with other
libraries, can see that it still answers as it did when it was trained. The state they are asked
upon is theirs: nothing that happens in the shop changes their answers.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from features.questions import BasketLine, BasketQuestion, ClaimQuestion, Delivered, SizeQuestion
from features.state_memory import MemoryState

__all__ = ["FILE", "Figures", "Golden", "Question", "differences"]

FILE: Final = "golden.json"
_FORMAT: Final = 1
_TOLERANCE: Final = 1e-4
"""Answers are rounded to four digits."""

Question = SizeQuestion | BasketQuestion | ClaimQuestion
Figures = dict[str, Any]
"""What matters of an answer: numbers and texts, in dicts and lists."""


@dataclass(frozen=True)
class Golden:
    """Questions and what is to be answered.

    Attributes
    ----------
    model
        Registered name.
    questions, answers
        In the same order.
    values
        The state they are asked upon: what look-ups of these questions find.
    space
        Fingerprint of the feature space it is filled for.
    """

    model: str
    questions: Sequence[Question]
    answers: Sequence[Figures]
    values: Mapping[str, bytes]
    space: str

    def state(self) -> MemoryState:
        """A state of its own for a look-up."""
        return MemoryState(self.values, {f"space.{self.model}": self.space})

    def write(self, folder: Path) -> None:
        """Put them beside the model."""
        content = {
            "format": _FORMAT,
            "model": self.model,
            "space": self.space,
            "requests": [
                {"question": asdict(question), "answer": answer}
                for question, answer in zip(self.questions, self.answers, strict=True)
            ],
            "state": {
                key: base64.b64encode(value).decode() for key, value in sorted(self.values.items())
            },
        }
        (folder / FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Golden | None:
        """The golden requests of a model; None where it has none.

        Raises
        ------
        ValueError
            They cannot be read.
        """
        try:
            content = json.loads((folder / FILE).read_text("utf-8"))
        except FileNotFoundError:
            return None
        if content.get("format") != _FORMAT:
            raise ValueError(f"{folder / FILE} is in format {content.get('format')!r}, not 1")
        try:
            asked = content["requests"]
            return cls(
                model=content["model"],
                questions=[_question(content["model"], each["question"]) for each in asked],
                answers=[each["answer"] for each in asked],
                values={k: base64.b64decode(v) for k, v in content["state"].items()},
                space=content["space"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{folder / FILE} cannot be read: {error!r}") from error


def differences(recorded: Any, answered: Any, where: str = "") -> list[str]:
    """What of an answer is not as recorded, each in a few words; empty where all is.

    Numbers may differ by 1e-4, and must be finite.
    """
    if isinstance(recorded, Mapping) and isinstance(answered, Mapping):
        if recorded.keys() != answered.keys():
            return [f"{where or 'it'} has {sorted(answered)}, recorded {sorted(recorded)}"]
        return [
            said
            for key in recorded
            for said in differences(recorded[key], answered[key], f"{where}.{key}".lstrip("."))
        ]
    if isinstance(recorded, Sequence) and not isinstance(recorded, str):
        if not isinstance(answered, Sequence) or len(answered) != len(recorded):
            return [f"{where} is {answered!r}, recorded {recorded!r}"]
        pairs = zip(recorded, answered, strict=True)
        return [
            said for i, (a, b) in enumerate(pairs) for said in differences(a, b, f"{where}[{i}]")
        ]
    if isinstance(recorded, float) or isinstance(answered, float):
        same = (
            isinstance(answered, int | float)
            and isinstance(recorded, int | float)
            and math.isfinite(answered)
            and abs(answered - recorded) <= _TOLERANCE
        )
    else:
        same = answered == recorded
    return [] if same else [f"{where} is {answered!r}, recorded {recorded!r}"]


def _question(model: str, told: dict[str, Any]) -> Question:
    if model == "size_fit":
        return SizeQuestion(**told | {"candidate_sizes": tuple(told["candidate_sizes"])})
    if model == "return_risk":
        return BasketQuestion(**told | {"lines": tuple(_line(each) for each in told["lines"])})
    if model == "abuse":
        return ClaimQuestion(**told)
    raise ValueError(f"no questions are known for the model {model!r}")


def _line(told: dict[str, Any]) -> BasketLine:
    arrived = told["delivered"]
    return BasketLine(**told | {"delivered": None if arrived is None else Delivered(**arrived)})
