"""Make the golden requests of a trained model: invented people ask about real products.

The products and their newest lines are the shop's. Whose lines they were is not kept: they are
dealt out in turn among a few invented accounts with invented bodies, under invented ids, without
addresses, devices, names of wearers or ways of payment. So nothing of a person is in a model's
folder, where `muslin forget` could not reach it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from features.abuse_online import AbuseLookup
from features.abuse_space import AbuseSpace
from features.golden import Figures, Golden
from features.live.tables import last_moment
from features.order_records import order_items
from features.questions import BasketLine, BasketQuestion, ClaimQuestion, Delivered, SizeQuestion
from features.return_risk_online import ReturnRiskLookup
from features.return_risk_space import ReturnRiskSpace
from features.size_fit_online import SizeFitLookup
from features.size_fit_space import SizeFitSpace
from features.state_memory import MemoryState
from features.window import Window
from models.abuse import AbuseModel
from models.return_risk import ReturnRisk
from models.size_fit import SizeFit
from pipelines.jobs.base import Job, Tables

__all__ = ["keep_golden", "sample"]

logger = logging.getLogger("muslin.pipelines")

_PRODUCTS: Final = 8
_LINES: Final = 24
_ENGINE: Final = "polars"
_DAY_S: Final = 86_400.0
_BODIES: Final[Sequence[dict[str, float]]] = (
    {"height_cm": 160.0, "weight_kg": 52.0, "chest_cm": 82.0, "waist_cm": 65.0, "hip_cm": 90.0},
    {"height_cm": 168.0, "weight_kg": 63.0, "chest_cm": 91.0, "waist_cm": 74.0, "hip_cm": 99.0},
    {"height_cm": 178.0, "weight_kg": 78.0, "chest_cm": 100.0, "waist_cm": 86.0, "hip_cm": 103.0},
    {"height_cm": 86.0, "weight_kg": 12.0, "age_years": 1.8},
)
"""Bodies of nobody, one an invented account."""
_OF_PEOPLE: Final = ("ship_address_hash", "device_hash", "payment_method", "wearer")
_REASONS: Final = ("too_small", "changed_mind", "not_received", "quality_defect")


def keep_golden(job: Job, folder: Path, tables: Tables) -> str | None:
    """Write the golden requests into the folder of a saved model.

    Parameters
    ----------
    job
        The model.
    folder
        Where it was saved.
    tables
        Contract tables with real products.

    Returns
    -------
    str or None
        Why there are none, where these tables give none: the model is good without.
    """
    ask = _ASK.get(job.name)
    if ask is None:
        return f"{job.name} has no golden requests"
    try:
        few = sample(tables)
        if not len(few["order_lines"]):
            return "there are no orders to make golden requests of"
        questions, answers, values, space = ask(job, folder, few)
    except Exception as error:  # a model is not thrown away for what it is only tested with
        logger.exception("golden requests of %s cannot be made", job.name)
        return f"golden requests cannot be made: {error}"
    if not questions:
        return "no product of these tables gives an answer to keep as golden request"
    Golden(job.name, questions, answers, values, space).write(folder)
    return None


def sample(tables: Tables) -> dict[str, pd.DataFrame]:
    """A few products with their newest lines, dealt out among invented accounts.

    Parameters
    ----------
    tables
        Contract tables.
    """
    lines = tables["order_lines"]
    counts = lines["product_id"].value_counts().rename("n").reset_index()
    kinds = counts.merge(tables["products"][["product_id", "category"]], on="product_id")
    kinds = kinds.sort_values(["n", "product_id"], ascending=[False, True], kind="stable")
    place = kinds.groupby("category", dropna=False).cumcount()
    chosen = kinds.assign(place=place).sort_values("place", kind="stable")
    ids = chosen["product_id"].head(_PRODUCTS).tolist()
    bought = lines[lines["product_id"].isin(ids)].sort_values(["ordered_at", "order_line_id"])
    bought = bought.groupby("product_id").tail(_LINES).reset_index(drop=True)
    number = np.arange(len(bought))
    names = {old: f"golden-line-{i}" for i, old in enumerate(bought["order_line_id"])}
    owners = [_account(int(i)) for i in number]
    dealt = bought.assign(
        order_line_id=list(names.values()),
        order_id=[f"golden-order-{i // 2}-{i % len(_BODIES)}" for i in number],
        customer_id=owners,
        **{name: _nothing(bought[name]) for name in _OF_PEOPLE if name in bought},
    ).astype({name: lines[name].dtype for name in ("order_line_id", "order_id", "customer_id")})
    few = {
        "products": _of(tables["products"], "product_id", ids),
        "product_sizes": _of(tables["product_sizes"], "product_id", ids),
        "order_lines": dealt,
    }
    for table in ("returns", "fit_feedback"):
        if table in tables:
            few[table] = _renamed(tables[table], "order_line_id", names)
    if "returns" in few:
        claims = few["returns"]
        made = {old: f"golden-claim-{i}" for i, old in enumerate(claims["return_id"])}
        few["returns"] = _renamed(claims, "return_id", made)
        if "abuse_labels" in tables:
            decided = _renamed(tables["abuse_labels"], "return_id", made)
            line = few["returns"].set_index("return_id")["order_line_id"]
            owner = dealt.set_index("order_line_id")["customer_id"]
            asked = decided["return_id"].map(line).map(owner)
            few["abuse_labels"] = decided.assign(
                customer_id=asked.astype(decided["customer_id"].dtype)
            )
    since = bought["ordered_at"].min() - pd.Timedelta(days=100) if len(bought) else None
    if "customers" in tables:
        few["customers"] = _invented(
            tables["customers"], [{"registered_at": since} for _ in _BODIES]
        )
    if "body_measurements" in tables:
        told = [{"wearer": "self", "measured_at": since, **body} for body in _BODIES]
        few["body_measurements"] = _invented(tables["body_measurements"], told)
    return few


def _account(i: int) -> str:
    return f"golden-{i % len(_BODIES)}"


def _nothing(column: pd.Series) -> pd.Series:
    return pd.Series(pd.NA, index=column.index, dtype=column.dtype)


def _of(frame: pd.DataFrame, column: str, ids: list[str]) -> pd.DataFrame:
    return frame[frame[column].isin(ids)].reset_index(drop=True)


def _renamed(frame: pd.DataFrame, column: str, names: dict[str, str]) -> pd.DataFrame:
    """The rows with these ids, under their new names."""
    kept = frame[frame[column].isin(names)].reset_index(drop=True)
    return kept.assign(**{column: kept[column].map(names).astype(frame[column].dtype)})


def _invented(like: pd.DataFrame, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows of a table as the invented accounts have them; what is not told is null."""
    told = [{"customer_id": _account(i), **row} for i, row in enumerate(rows)]
    frame = pd.DataFrame(told).reindex(columns=like.columns)
    return frame.astype({name: like[name].dtype for name in like.columns})


def _asked_at(few: Tables) -> float:
    return last_moment(few) / 1e6 + _DAY_S


def _values(job: Job, space: Any, few: Tables) -> dict[str, bytes]:
    until = last_moment(few)
    values = dict(job.kept(space).items(few, Window(until=until)))
    return values | dict(order_items(few))


def _found(state: MemoryState, values: dict[str, bytes]) -> dict[str, bytes]:
    """Of all values those that the questions look up."""
    return {key: values[key] for key in sorted(state.asked) if key in values}


Made = tuple[list[Any], list[Figures], dict[str, bytes], str]


def _sizes(job: Job, folder: Path, few: Tables) -> Made:
    model, space = SizeFit.load(folder), SizeFitSpace.load(folder, engine=_ENGINE)
    values = _values(job, space, few)
    at, market = _asked_at(few), _market(few)
    state = MemoryState(values, {})
    questions, answers = [], []
    for i, product_id in enumerate(few["products"]["product_id"]):
        # Half of them ask as an account with a past, half as somebody unknown with a body.
        who: dict[str, Any] = {"customer_id": _account(i)}
        if i % 2:
            who = {"measurements": dict(_BODIES[(i // 2) % len(_BODIES)])}
        question = SizeQuestion(product_id=product_id, asked_at=at, market=market, **who)
        (context,) = SizeFitLookup(space, state).contexts([question])
        if context.X is None:
            continue
        rows = _Rows(
            X=context.X,
            line=np.zeros(len(context.labels), dtype=np.int64),
            label=np.array(context.labels, dtype=object),
            chosen=np.zeros(len(context.labels), dtype=bool),
        )
        (decision,) = model.advise(rows)
        if not np.isfinite(decision.fit).all():
            continue
        questions.append(question)
        answers.append(
            {
                "status": decision.verdict.status,
                "recommended": decision.recommended,
                "sizes": dict(zip(decision.labels, decision.fit.tolist(), strict=True)),
            }
        )
    return questions, answers, _found(state, values), space.fingerprint


class _Rows:
    """Sizes of one question, as :meth:`SizeFit.advise` takes them."""

    def __init__(self, X: Any, line: Any, label: Any, chosen: Any) -> None:
        self.X, self.line, self.label, self.chosen = X, line, label, chosen


def _risks(job: Job, folder: Path, few: Tables) -> Made:
    checkout, delivered = (ReturnRisk.load(folder / moment) for moment in ("checkout", "delivered"))
    space = ReturnRiskSpace.load(folder, engine=_ENGINE)
    values = _values(job, space, few)
    at, market = _asked_at(few), _market(few)
    state = MemoryState(values, {})
    lookup = ReturnRiskLookup(space, state)
    questions, answers = [], []
    for i, (_, bought) in enumerate(few["order_lines"].groupby("product_id", sort=True)):
        row = bought.iloc[-1]
        arrived = bool(i % 3 == 2)
        line = BasketLine(
            product_id=row["product_id"],
            size_label=_text(row.get("size_label")),
            colour=_text(row.get("colour")),
            delivered=(
                Delivered(ordered_at=at - 6 * _DAY_S, delivered_at=at - _DAY_S) if arrived else None
            ),
        )
        question = BasketQuestion(
            lines=(line,), asked_at=at, customer_id=_account(i) if i % 2 else None, market=market
        )
        (context,) = lookup.contexts([question])
        X = np.concatenate([context.X, context.delivery], axis=1) if arrived else context.X
        ((_, *reasons),) = (delivered if arrived else checkout).predict_proba(X).tolist()
        questions.append(question)
        answers.append({"lines": [{"p_return": min(sum(reasons), 1.0), "reasons": reasons}]})
    return questions, answers, _found(state, values), space.fingerprint


def _claims(job: Job, folder: Path, few: Tables) -> Made:
    model, space = AbuseModel.load(folder), AbuseSpace.load(folder, engine=_ENGINE)
    values = _values(job, space, few)
    at = _asked_at(few)
    state = MemoryState(values, {})
    lines = few["order_lines"]
    asked = [
        ClaimQuestion(
            order_line_id=row["order_line_id"],
            customer_id=row["customer_id"],
            reason=_REASONS[i % len(_REASONS)],
            requested_at=at,
        )
        for i, (_, row) in enumerate(lines.tail(_PRODUCTS).iterrows())
    ]
    contexts = AbuseLookup(space, state).contexts(asked)
    chances = model.predict_proba(np.array([each.x for each in contexts]))[:, 1].tolist()
    answers: list[Figures] = [{"score": chance} for chance in chances]
    return list(asked), answers, _found(state, values), space.fingerprint


def _market(few: Tables) -> str | None:
    lines = few["order_lines"]
    if "market" not in lines or lines["market"].isna().all():
        return None
    return str(lines["market"].mode().iloc[0])


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


_ASK: Final[dict[str, Callable[[Job, Path, Tables], Made]]] = {
    "size_fit": _sizes,
    "return_risk": _risks,
    "abuse": _claims,
}
