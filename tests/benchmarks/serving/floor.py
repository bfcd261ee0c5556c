"""The floor: what one uvicorn worker can do at best when the models are all it does.

No schema, no look-up, no message: for each recorded question the same boosters are called once,
with all rows they were asked about ready made, and the same bytes go back. What Muslin adds is
measured against this.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import lightgbm as lgb
import numpy as np
import orjson
import uvicorn

VECTORS, ANSWERS, RAW = "vectors.npz", "answers.jsonl", "raw.json"


@dataclass
class Work:
    """What one question makes the models do, and what is answered.

    Attributes
    ----------
    vectors
        The rows by booster.
    answer
        The bytes of the response.
    """

    vectors: dict[int, np.ndarray] = field(default_factory=dict)
    answer: bytes = b""


def save_work(
    folder: Path, boosters: Sequence[lgb.Booster], raw: Sequence[bool], works: Sequence[Work]
) -> None:
    """Write what the floor is to do.

    Parameters
    ----------
    boosters
        The models.
    raw
        Whether each is asked for raw scores.
    works
        One a question.
    """
    for i, booster in enumerate(boosters):
        booster.save_model(folder / f"{i}.txt")
    named = {f"{q}.{b}": X for q, work in enumerate(works) for b, X in work.vectors.items()}
    np.savez(folder / VECTORS, **named)
    (folder / ANSWERS).write_bytes(b"\n".join([work.answer for work in works]))
    (folder / RAW).write_bytes(orjson.dumps(list(raw)))


def load_work(folder: Path) -> tuple[list[lgb.Booster], list[bool], list[Work]]:
    """The inverse of :func:`save_work`."""
    raw = orjson.loads((folder / RAW).read_bytes())
    boosters = [lgb.Booster(model_file=folder / f"{i}.txt") for i in range(len(raw))]
    works = [Work(answer=each) for each in (folder / ANSWERS).read_bytes().splitlines()]
    with np.load(folder / VECTORS) as stored:
        for name in stored.files:
            question, booster = map(int, name.split("."))
            works[question].vectors[booster] = np.ascontiguousarray(stored[name])
    return boosters, raw, works


def make_app(boosters: Sequence[lgb.Booster], raw: Sequence[bool], works: Sequence[Work]):
    """Make the ASGI app that does the recorded work in turn, one question a request."""
    turns = cycle(
        [
            (
                [(boosters[b].predict, X, raw[b]) for b, X in work.vectors.items()],
                work.answer,
                _headers(work.answer),
            )
            for work in works
        ]
    )

    async def app(scope: Mapping, receive, send) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        calls, answer, headers = next(turns)
        for predict, X, raw_score in calls:
            predict(X, raw_score=raw_score, num_threads=1)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


def _headers(answer: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="as save_work leaves it")
    parser.add_argument("port", type=int)
    args = parser.parse_args()
    uvicorn.run(
        make_app(*load_work(args.folder)),
        host="127.0.0.1",
        port=args.port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_config=None,
        access_log=False,
    )


if __name__ == "__main__":
    main()
