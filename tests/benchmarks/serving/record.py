"""What questions make the models do, recorded for those who do just that."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import lightgbm as lgb
import numpy as np
from rich.console import Console

from features.settings import Settings
from serving.app import MuslinApp
from serving.http import new_request_id
from serving.startup import start
from tests.benchmarks.serving.floor import Work, save_work

RECORDED = 100


def record(settings: Settings, path: str, questions: Sequence[bytes], folder: Path) -> None:
    """Write what the models are asked, and what the service answers, for the first questions.

    However many calls Muslin makes, the floor asks each booster once a question.
    """
    app = MuslinApp(settings)
    start(app)
    endpoint = app._endpoints[path]
    if endpoint is None:
        raise SystemExit(f"{path} does not answer: {app._readiness[path].reason}")
    boosters: list[lgb.Booster] = []
    raw: list[bool] = []
    asked: list[list[np.ndarray]] = []
    predict = lgb.Booster.predict

    def recording(booster, data, *args, raw_score=False, **kwargs):
        place = next((i for i, each in enumerate(boosters) if each is booster), len(boosters))
        if place == len(boosters):
            boosters.append(booster)
            raw.append(raw_score)
            asked.append([])
        asked[place].append(np.array(data))
        return predict(booster, data, *args, raw_score=raw_score, **kwargs)

    works = []
    with mock.patch.object(lgb.Booster, "predict", recording):
        for question in questions[:RECORDED]:
            answer = asyncio.run(endpoint(question, new_request_id()))
            vectors = {i: np.concatenate(rows) for i, rows in enumerate(asked) if rows}
            works.append(Work(vectors, answer))
            for rows in asked:
                rows.clear()
    if not boosters:
        raise SystemExit(f"{path} asks no LightGBM model: nothing to measure a floor with")
    save_work(folder, boosters, raw, works)
    rows = [sum(len(X) for X in work.vectors.values()) for work in works]
    Console().print(
        f"{path}: {len(boosters)} boosters, {statistics.mean(rows):.0f} rows in all and"
        f" {statistics.mean(len(work.answer) for work in works):,.0f} bytes a request"
    )
