"""The shop that is asked about, and questions of its own customers about its products."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
import pandas as pd

from features.settings import Settings
from serving import champion

QUESTIONS = 500
BASKET_LINES = 5


def make_shop(folder: Path, lines: int, names: Sequence[str]) -> tuple[Settings, pd.DataFrame]:
    """Simulate a shop, train on it, and put champions and state where the service looks."""
    from pipelines.fit_return_risk import fit_return_risk
    from pipelines.fit_size import fit_size_fit
    from pipelines.materialize import materialize
    from pipelines.simulate import simulate

    tables = simulate(lines, seed=7).tables
    settings = Settings.load(
        tracking_uri=f"sqlite:///{folder / 'none.db'}",
        champion_dir=folder / "champion",
        state_url=str(folder / "state.db"),
        audit_url=str(folder / "audit.db"),
    )
    spaces = {}
    for name in names:
        made = folder / f"made-{name}"
        made.mkdir()
        if name == "size_fit":
            space, model, _ = fit_size_fit(tables)
            model.save(made)
            space.save(made)
        else:
            fitted = fit_return_risk(tables)
            fitted.save(made)
            space = fitted.space
        champion.adopt(settings, name, "1", made)
        spaces[name] = (space, "1")
    materialize(tables, spaces, settings.state_url)
    return settings, tables["order_lines"]


def sample_questions(lines: pd.DataFrame, seed: int = 7) -> list[bytes]:
    """Take questions from the shop's own orders; every second shopper sends measurements."""
    lines = lines.sample(min(QUESTIONS, len(lines)), random_state=seed)
    rng = np.random.default_rng(seed)
    questions = []
    for place, line in enumerate(lines.itertuples()):
        question = {"product_id": line.product_id, **_asker(line)}
        if place % 2:
            question["measurements"] = _body(rng)
        questions.append(orjson.dumps(question))
    return questions


def sample_baskets(lines: pd.DataFrame, seed: int = 7) -> list[bytes]:
    """Take lines that were ordered one after the other; every second shopper sends measurements.

    Orders are cut and put together where they have not just as many lines, so there are baskets
    with one product in two sizes as often as the shop has them.
    """
    rng = np.random.default_rng(seed)
    lines = lines.sort_values(["ordered_at", "order_id", "order_line_id"], kind="stable")
    starts = rng.integers(0, len(lines) - BASKET_LINES + 1, QUESTIONS)
    baskets = []
    for place, begin in enumerate(starts.tolist()):
        taken = list(lines.iloc[begin : begin + BASKET_LINES].itertuples())
        basket = {**_asker(taken[0]), "lines": [_basket_line(line) for line in taken]}
        if isinstance(taken[0].currency, str):
            basket["currency"] = taken[0].currency
        if place % 2:
            basket["measurements"] = _body(rng)
        baskets.append(orjson.dumps(basket))
    return baskets


def _asker(line) -> dict:
    told = {"customer_id": line.customer_id, "market": line.market}
    return {name: value for name, value in told.items() if isinstance(value, str)}


def _body(rng: np.random.Generator) -> dict:
    height = round(float(rng.normal(168, 8)), 1)
    return {"height_cm": height, "weight_kg": height - 105}


def _basket_line(line) -> dict:
    told = {"product_id": line.product_id, "quantity": int(line.quantity)}
    for name, value in (("size", line.size_label), ("colour", line.colour)):
        if isinstance(value, str):
            told[name] = value
    if np.isfinite(line.unit_price):
        told["unit_price"] = float(line.unit_price)
    return told
