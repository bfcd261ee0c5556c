"""Size advice from the real model: state look-up, vector, model, reasons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt

from data_contracts.tables import AUDIENCE
from features.bodies import cup_index
from features.next_size import HeightSize, next_size_of
from features.people_online import has_figures
from features.positions import CHILDREN
from features.products_online import OnlineProduct
from features.questions import SizeQuestion
from features.settings import Settings
from features.size_fit import VECTOR
from features.size_fit_online import SizeContext, SizeFitLookup
from features.size_fit_space import SizeFitSpace
from features.state import StateError, StateReader
from models.size_fit import Decision, SizeFit
from models.size_fit.advice import Because, NextSize, ProductFlag, SizeAdvice, SizeOutlook
from models.size_fit.decision import flag_product
from serving.advisor import Chart, Known, ModelLabel, ProductSizes
from serving.degraded import open_steady
from serving.next_question import NextQuestion
from serving.state_guard import StateGuard

__all__ = ["ModelAdvisor", "load_advisor", "next_size_up"]

Floats = npt.NDArray[np.float64]

_V = {name: i for i, name in enumerate(VECTOR)}
_TOLD = np.array([_V[f"product.told_{outcome}"] for outcome in ("small", "fit", "large")])
_GAP, _ORDERS = _V["gap"], _V["person.orders"]
_FROM_FIT, _TOLD_FIT = _V["from_fit"], _V["person_scale.told_fit"]
_NEAR = 0.5  # a size is meant when it is nearer than half a step
_MOST_FLAGS = 10_000
_MOST_PRODUCTS = 2_000
_CHARTS: dict[str | None, Chart] = {each: each for each in get_args(Chart)}


@dataclass(frozen=True, slots=True)
class _Rows:
    """Candidate sizes of some questions, as :meth:`SizeFit.advise` takes them."""

    X: Floats
    line: npt.NDArray[np.int64]
    label: npt.NDArray[np.object_]
    chosen: npt.NDArray[np.bool_]


class ModelAdvisor:
    """The champion with the state it was materialised for.

    Parameters
    ----------
    model
        The estimator.
    space
        Its feature space.
    state
        The online state, filled for this model.
    label
        Its name and version in the registry.
    """

    def __init__(
        self, model: SizeFit, space: SizeFitSpace, state: StateReader, label: ModelLabel
    ) -> None:
        self._model = model
        self._space = space
        self._lookup = SizeFitLookup(space, state)
        self._next = NextQuestion(space.natural_)
        self._label = label
        # Many questions are about few products.
        self._flag = lru_cache(_MOST_FLAGS)(partial(flag_product, usual=model.usual_))
        self._sizes = _SizesOfProducts()
        self._guard = StateGuard(state, label, space.fingerprint)

    def label(self) -> ModelLabel:
        """Name and version of the model."""
        return self._label

    def over(self, state: StateReader) -> ModelAdvisor:
        """The same model, asking another state that was filled for it.

        Raises
        ------
        StateError
            When it was filled for another.
        """
        return ModelAdvisor(self._model, self._space, state, self._label)

    def look_up(self, questions: Sequence[SizeQuestion]) -> list[Known]:
        """Read product, person and histories from the state, and build the vectors.

        Raises
        ------
        StateError
            When the state has been filled for another model meanwhile.
        """
        self._guard.check()
        return [
            Known(question, self._sizes.of(context.product), context)
            for question, context in zip(questions, self._lookup.contexts(questions), strict=True)
        ]

    def advise(self, known: Sequence[Known]) -> list[SizeAdvice]:
        """Advise on each question; the model is called once for all of them."""
        contexts: list[SizeContext] = [each.state for each in known]
        asked = [i for i, context in enumerate(contexts) if context.X is not None]
        decisions: dict[int, Decision] = {}
        if asked:
            counts = [len(contexts[i].labels) for i in asked]
            vectors = [_vectors(contexts[i]) for i in asked]
            rows = _Rows(
                X=np.concatenate(vectors) if len(vectors) > 1 else vectors[0],
                line=np.array(asked).repeat(counts),
                label=np.array([label for i in asked for label in contexts[i].labels], object),
                chosen=np.zeros(sum(counts), dtype=bool),
            )
            decisions = {each.line: each for each in self._model.advise(rows)}
        return [
            self._answer(each.question, context, decisions.get(i))
            for i, (each, context) in enumerate(zip(known, contexts, strict=True))
        ]

    def _answer(
        self, question: SizeQuestion, context: SizeContext, decision: Decision | None
    ) -> SizeAdvice:
        product = context.product
        if product is None:
            return SizeAdvice("unknown_product")
        if not product.sized:
            return SizeAdvice("not_sized")
        if decision is None:  # only sizes that no scale holds were asked about
            return SizeAdvice("not_enough_information")
        status, recommended = decision.verdict.status, decision.recommended
        size_set = decision.size_set
        told = _vectors(context)[0].take(_TOLD).tolist()
        flag = self._flag(*told)
        return SizeAdvice(
            status=status,
            recommended=recommended,
            size_set=size_set,
            sizes=_outlooks(decision),
            product_flag=flag,
            because=_because(question, context, decision.labels, told, flag),
            ask_next=self._next.of(context, question) if len(size_set) > 1 else None,
            next_size=(
                None  # there is no size to come after
                if status == "no_good_size" or product.audience not in CHILDREN
                else next_size_up(
                    context, product, recommended or decision.likeliest, question.asked_at
                )
            ),
        )


def load_advisor(folder: Path, label: ModelLabel, settings: Settings) -> ModelAdvisor:
    """Load the model and open the state it was materialised for.

    Parameters
    ----------
    folder
        The champion's files.
    label
        Its name and version.
    settings
        Where the state is.

    Raises
    ------
    StateError
        When there is no state, or it was filled for another version: positions of sizes and the
        sums of histories are in the units of one model's feature space.
    ValueError
        When the files are of another model or format.
    """
    model = SizeFit.load(folder)
    space = SizeFitSpace.load(folder)
    state = open_steady(settings.state_url)
    try:
        return ModelAdvisor(model, space, state, label)
    except StateError:
        state.close()
        raise


def next_size_up(
    context: SizeContext, product: OnlineProduct, label: str | None, asked_at: float
) -> NextSize | None:
    """The size after the one that is right today, for a child that is known to grow into it.

    Parameters
    ----------
    context, product
        What is known, and asked about.
    label
        The size that is right today.
    asked_at
        Seconds since the epoch (UTC).
    """
    if label is None or product.audience not in CHILDREN or "age_implied" in context.person:
        return None
    if context.person.get("age_years", 0.0) < 0:  # no size is right before the birth
        return None
    sizes = [
        HeightSize(name, *body["height_cm"])
        for name, body in zip(product.labels, product.bodies, strict=True)
        if "height_cm" in body
    ]
    if not sizes:
        return None
    due = next_size_of(
        context.person,
        sizes,
        label,
        audience=product.audience,
        asked_at=asked_at,
        kept=context.kept,
    )
    return None if due is None else NextSize(due.label, due.weeks, due.on, label)


def _vectors(context: SizeContext) -> Floats:
    assert context.X is not None
    return context.X


class _SizesOfProducts:
    """What endpoints show of products, remembered with the product it was made of."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[OnlineProduct, ProductSizes]] = {}

    def of(self, product: OnlineProduct | None) -> ProductSizes | None:
        """The sizes of a product; the same object while the look-up gives the same product."""
        if product is None:
            return None
        known = self._known.get(product.product_id)
        if known is None or known[0] is not product:
            if known is None and len(self._known) >= _MOST_PRODUCTS:
                del self._known[next(iter(self._known))]
            known = self._known[product.product_id] = product, _sizes(product)
        return known[1]


def _sizes(product: OnlineProduct) -> ProductSizes:
    return ProductSizes(
        labels=product.labels,
        size_system=product.size_system,
        audience=product.audience if product.audience in AUDIENCE else None,
        family=product.family,
        bodies=product.bodies if any(product.bodies) else (),
        chart=_CHARTS.get(product.chart),
    )


def _outlooks(decision: Decision) -> tuple[SizeOutlook, ...]:
    small, fits, large = decision.fit.T.tolist()
    if not math.isfinite(sum(small) + sum(fits) + sum(large)):
        return ()
    return tuple(map(SizeOutlook, decision.labels, small, fits, large))


def _because(
    question: SizeQuestion,
    context: SizeContext,
    labels: Sequence[str],
    told: Sequence[float],
    flag: ProductFlag | None,
) -> tuple[Because, ...]:
    X, measured = _vectors(context), has_figures(context.person)
    reasons = []
    fitted = round(float(X[0, _TOLD_FIT]))
    if fitted and (label := _nearest(X[:, _FROM_FIT].tolist(), labels)) is not None:
        reasons.append(Because("kept_before", {"n": fitted, "label": label}))
    gap = X[:, _GAP].tolist()
    if (label := _nearest(gap, labels)) is not None:
        # A child's age alone makes a gap as well, see `features.frames`.
        reasons.append(Because("measurements" if measured else "age", {"label": label}))
    not_used = not measured and _tells_figures(question)
    if not_used:
        reasons.append(Because("other_body"))
    n = round(sum(told))
    if flag == "runs_small":
        reasons.append(Because("product_runs_small", _share(told[0], n)))
    elif flag == "runs_large":
        reasons.append(Because("product_runs_large", _share(told[2], n)))
    elif n:
        reasons.append(Because("crowd", {"n": n}))
    if not not_used and not any(map(math.isfinite, gap)) and not X[0, _ORDERS]:
        reasons.append(Because("market_average"))
    return tuple(reasons)


def _tells_figures(question: SizeQuestion) -> bool:
    """Whether figures of a body, beside its age, were sent with the question."""
    sent = question.measurements
    return has_figures(sent) or math.isfinite(cup_index(sent.get("cup")))


def _share(count: float, n: int) -> dict[str, float | int | str]:
    return {"n": n, "share": round(count / n, 4)}


def _nearest(steps: Sequence[float], labels: Sequence[str]) -> str | None:
    """Label of the size that is nearest in steps; None where it is beyond the sizes asked about."""
    # Plain floats: for the few sizes of a product an array's functions cost twenty times as much.
    least, nearest = _NEAR, None
    for step, label in zip(steps, labels, strict=True):
        distance = abs(step)  # a step that is not known is nearer than none
        if distance < least or (distance == least and (nearest is None or label < nearest)):
            least, nearest = distance, label
    return nearest
