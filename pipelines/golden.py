"""Make the golden requests of a trained model: invented people ask about real products.

The products and their sizes are the shop's. All else is invented: the orders, their moments, claims
and what was decided of them belong to a few invented accounts with invented bodies and were never
made. So nothing of a person is in a model's folder, where `muslin forget` could not reach it, and
nothing there finds an order of the shop again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from data_contracts.tables import ABUSE_LABEL
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
_LINES: Final = 24  # of each product
_ENGINE: Final = "polars"
_DAY_S: Final = 86_400.0
_BODIES: Final[Sequence[dict[str, float]]] = (
    {"height_cm": 160.0, "weight_kg": 52.0, "chest_cm": 82.0, "waist_cm": 65.0, "hip_cm": 90.0},
    {"height_cm": 168.0, "weight_kg": 63.0, "chest_cm": 91.0, "waist_cm": 74.0, "hip_cm": 99.0},
    {"height_cm": 178.0, "weight_kg": 78.0, "chest_cm": 100.0, "waist_cm": 86.0, "hip_cm": 103.0},
    {"height_cm": 86.0, "weight_kg": 12.0, "age_years": 1.8},
)
"""Bodies of nobody, one an invented account."""
_EVERY: Final = pd.Timedelta(hours=12)  # one order of two lines
_ON_THE_WAY: Final = pd.Timedelta(days=3)
_FITS: Final = ("fit", "small", "fit", "large")
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
    """A few products, and orders of them that invented accounts never made.

    Of the orders of the shop only this goes in: which products are bought most, the commonest
    market and currency, and the month of the newest one.

    Parameters
    ----------
    tables
        Contract tables.
    """
    goods = _of(tables["products"], "product_id", _bought_most(tables))
    ids = goods["product_id"].tolist()
    sizes = _of(tables["product_sizes"], "product_id", ids)
    few = {"products": goods, "product_sizes": sizes}
    lines = _orders(tables["order_lines"], goods, sizes)
    few["order_lines"] = _rows(tables["order_lines"], lines)
    claims = _claimed(lines)
    if "returns" in tables:
        few["returns"] = _rows(tables["returns"], claims)
    if "fit_feedback" in tables:
        told = [
            {
                "order_line_id": line["order_line_id"],
                "source": "review",
                "given_at": line["delivered_at"] + pd.Timedelta(days=2),
                "fit": _FITS[i % len(_FITS)],
            }
            for i, line in enumerate(lines[1::4])
        ]
        few["fit_feedback"] = _rows(tables["fit_feedback"], told)
    if "abuse_labels" in tables and "returns" in tables:
        few["abuse_labels"] = _rows(tables["abuse_labels"], _decided(lines, claims))
    since = lines[-1]["ordered_at"] - pd.Timedelta(days=100) if lines else None
    people = [{"customer_id": _account(i)} for i in range(len(_BODIES))]
    if "customers" in tables:
        told = [{**who, "registered_at": since} for who in people]
        few["customers"] = _rows(tables["customers"], told)
    if "body_measurements" in tables:
        told = [
            {**who, "wearer": "self", "measured_at": since, **body}
            for who, body in zip(people, _BODIES, strict=True)
        ]
        few["body_measurements"] = _rows(tables["body_measurements"], told)
    return few


def _bought_most(tables: Tables) -> list[str]:
    """Ids of the products bought most, one of each category after the other."""
    counts = tables["order_lines"]["product_id"].value_counts().rename("n").reset_index()
    kinds = counts.merge(tables["products"][["product_id", "category"]], on="product_id")
    kinds = kinds.sort_values(["n", "product_id"], ascending=[False, True], kind="stable")
    place = kinds.groupby("category", dropna=False).cumcount()
    chosen = kinds.assign(place=place).sort_values("place", kind="stable")
    ids: list[str] = chosen["product_id"].head(_PRODUCTS).tolist()
    return ids


def _orders(lines: pd.DataFrame, goods: pd.DataFrame, sizes: pd.DataFrame) -> list[dict[str, Any]]:
    """Invented order lines, newest first: each product in each of its sizes and colours in turn."""
    if not len(lines) or not len(goods):
        return []
    newest = lines["ordered_at"].max()
    until = newest.normalize() - pd.Timedelta(days=newest.day - 1)  # the month and no more
    market, currency = _commonest(lines["market"]), _commonest(lines["currency"])
    labels = sizes.groupby("product_id")["size_label"].agg(list).to_dict()
    made = []
    for i in range(len(goods) * _LINES):
        product = goods.iloc[i % len(goods)]
        product_id, turn, order = product["product_id"], i // len(goods), i // 2
        offered = labels.get(product_id, [])
        told = product["colours"]
        colours = list(told) if isinstance(told, list | tuple | np.ndarray) else []
        at = until - _EVERY * (order + 1)
        price = product["price"]
        made.append(
            {
                "order_line_id": f"golden-line-{i}",
                "order_id": f"golden-order-{order}",
                "customer_id": _account(order),
                "product_id": product_id,
                "size_label": offered[turn % len(offered)] if offered else None,
                "colour": colours[turn % len(colours)] if colours else None,
                "quantity": 1,
                "unit_price": price,
                "list_price": price,
                "currency": _text(product["currency"]) or currency,
                "market": market,
                "ordered_at": at,
                "promised_at": at + _ON_THE_WAY,
                "shipped_at": at + pd.Timedelta(days=1),
                "delivered_at": at + _ON_THE_WAY,
            }
        )
    return made


def _claimed(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every third line comes back, for one reason after another."""
    return [
        {
            "return_id": f"golden-claim-{i}",
            "order_line_id": line["order_line_id"],
            "requested_at": line["delivered_at"] + pd.Timedelta(days=4),
            "reason": _REASONS[i % len(_REASONS)],
            "quantity": 1,
        }
        for i, line in enumerate(lines[::3])
    ]


def _decided(
    lines: Sequence[dict[str, Any]], claims: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Every fourth claim was decided about, every other of these against the account."""
    owners = {line["order_line_id"]: line["customer_id"] for line in lines}
    return [
        {
            "return_id": claim["return_id"],
            "customer_id": owners[claim["order_line_id"]],
            "label": ABUSE_LABEL[i % 2],
            "kind": None if i % 2 else "serial_returner",
            "decided_at": claim["requested_at"] + pd.Timedelta(days=5),
            "decided_by": "investigator",
        }
        for i, claim in enumerate(claims[::4])
    ]


def _commonest(column: pd.Series) -> str | None:
    found = column.mode()
    return str(found.iloc[0]) if len(found) else None


def _account(i: int) -> str:
    return f"golden-{i % len(_BODIES)}"


def _of(frame: pd.DataFrame, column: str, ids: list[str]) -> pd.DataFrame:
    return frame[frame[column].isin(ids)].reset_index(drop=True)


def _rows(like: pd.DataFrame, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Invented rows of a table; a column that is not told is null."""
    frame = pd.DataFrame(rows, dtype=object).reindex(columns=like.columns)
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
    return _commonest(few["order_lines"]["market"])


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


_ASK: Final[dict[str, Callable[[Job, Path, Tables], Made]]] = {
    "size_fit": _sizes,
    "return_risk": _risks,
    "abuse": _claims,
}
