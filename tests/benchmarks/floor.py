"""The floor: what one uvicorn worker can do at best when the model is all it does.

No schema, no look-up, no message: the same boosters are called once on a ready-made vector and the
same bytes go back. What Muslin adds is measured against this.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import lightgbm as lgb
import numpy as np
import uvicorn


def make_app(boosters: list[lgb.Booster], vectors: np.ndarray, answer: bytes):
    """Make the ASGI app that predicts `vectors` and sends `answer` on each request."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
    ]

    async def app(scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        for booster in boosters:
            booster.predict(vectors, num_threads=1)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("answer", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("boosters", type=Path, nargs="+")
    args = parser.parse_args()
    app = make_app(
        [lgb.Booster(model_file=path) for path in args.boosters],
        np.load(args.vectors),
        args.answer.read_bytes(),
    )
    uvicorn.run(
        app,
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
