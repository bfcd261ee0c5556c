"""Size advice from the real model: state look-up, vector, model, reasons."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from features.bodies import BODY_COLUMNS, NaturalSize
from features.questions import SizeQuestion
from features.settings import Settings
from features.size_fit import VECTOR
from features.size_fit_online import OnlineProduct, SizeContext, SizeFitLookup
from features.size_fit_space import SizeFitSpace
from features.state import SqliteState, StateError
from models.size_fit import Decision, SizeFit
from models.size_fit.advice import Because, ProductFlag, SizeAdvice, SizeOutlook
from models.size_fit.decision import flag_product
from serving.advisor import Known, ModelLabel, ProductSizes
from serving.state_guard import StateGuard

__all__ = ["ModelAdvisor", "load_advisor"]

Floats = npt.NDArray[np.float64]

_V = {name: i for i, name in enumerate(VECTOR)}
_TOLD = [_V[f"product.told_{outcome}"] for outcome in ("small", "fit", "large")]
_GAP, _ORDERS = _V["gap"], _V["person.orders"]
_FROM_FIT, _TOLD_FIT = _V["from_fit"], _V["person_scale.told_fit"]
_UNNAMED = _V["wearer_unnamed"]
_BODY = [_V["child_age" if name == "age_years" else name] for name in BODY_COLUMNS]
_ASKED = tuple("cup" if name == "cup_index" else name for name in BODY_COLUMNS)
_NEAR = 0.5  # a size is meant when it is nearer than half a step
_MOST_FLAGS = 10_000
_WORTH_ASKING = 0.95  # a measurement that leaves more of the uncertainty is not asked for


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
        self, model: SizeFit, space: SizeFitSpace, state: SqliteState, label: ModelLabel
    ) -> None:
        self._model = model
        self._lookup = SizeFitLookup(space, state)
        self._next = _NextQuestion(space.natural_)
        self._label = label
        # Many questions are about few products.
        self._flag = lru_cache(_MOST_FLAGS)(partial(flag_product, usual=model.usual_))
        self._guard = StateGuard(state, label, space.fingerprint)

    def label(self) -> ModelLabel:
        """Name and version of the model."""
        return self._label

    def look_up(self, questions: Sequence[SizeQuestion]) -> list[Known]:
        """Read product, person and histories from the state, and build the vectors.

        Raises
        ------
        StateError
            When the state has been filled for another model meanwhile.
        """
        self._guard.check()
        return [
            Known(question, _sizes(context.product), context)
            for question, context in zip(questions, self._lookup.contexts(questions), strict=True)
        ]

    def advise(self, known: Sequence[Known]) -> list[SizeAdvice]:
        """Advise on each question; the model is called once for all of them."""
        contexts: list[SizeContext] = [each.state for each in known]
        asked = [i for i, context in enumerate(contexts) if context.X is not None]
        decisions: dict[int, Decision] = {}
        if asked:
            counts = [len(contexts[i].labels) for i in asked]
            rows = _Rows(
                X=np.concatenate([_vectors(contexts[i]) for i in asked]),
                line=np.repeat(asked, counts),
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
        X = _vectors(context)
        told = X[0, _TOLD].tolist()
        flag = self._flag(*told)
        return SizeAdvice(
            status=decision.verdict.status,
            recommended=decision.recommended,
            size_set=decision.size_set,
            sizes=_outlooks(decision),
            product_flag=flag,
            because=_because(X, decision.labels, told, flag),
            ask_next=(
                self._next.of(context, question.measurements)
                if len(decision.size_set) > 1
                else None
            ),
        )


class _NextQuestion:
    """The measurement that would narrow the natural size most.

    How far a measurement narrows it is known before it is told: under a joint normal the spread
    that is left depends on which figures are known, not on what they are.
    """

    def __init__(self, natural: NaturalSize) -> None:
        self._natural = natural
        self._found: dict[tuple[str, bytes], str | None] = {}

    def of(self, context: SizeContext, told: Collection[str]) -> str | None:
        """Name of the measurement to ask for; None where none would help.

        Parameters
        ----------
        context
            What is known.
        told
            Measurements sent with the question. They are not asked for again even where they are
            not used, such as a grown-up's height for a child's garment.
        """
        if context.scale is None:
            return None
        X = _vectors(context)
        known = np.isfinite(X[0, _BODY])
        scale = f"{context.scale}?" if X[0, _UNNAMED] else context.scale
        open_ = ~known & [name not in told for name in _ASKED]
        key = (scale, known.tobytes() + open_.tobytes())
        if key not in self._found:
            self._found[key] = self._search(scale, known, np.flatnonzero(open_))
        return self._found[key]

    def _search(
        self, scale: str, known: npt.NDArray[np.bool_], missing: npt.NDArray[np.int64]
    ) -> str | None:
        bodies = np.where(known, 1.0, np.nan) * np.ones((len(missing) + 1, 1))
        bodies[np.arange(len(missing)), missing] = 1.0
        _, left = self._natural.predict(bodies, np.full(len(bodies), scale, dtype=object))
        if not len(missing) or not np.isfinite(left).all():
            return None
        best = int(np.argmin(left[:-1]))
        if left[best] > _WORTH_ASKING * left[-1]:
            return None
        return _ASKED[int(missing[best])]


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
    state = SqliteState(settings.state_url, readonly=True)
    try:
        return ModelAdvisor(model, space, state, label)
    except StateError:
        state.close()
        raise


def _vectors(context: SizeContext) -> Floats:
    assert context.X is not None
    return context.X


def _sizes(product: OnlineProduct | None) -> ProductSizes | None:
    return None if product is None else ProductSizes(product.labels, product.size_system)


def _outlooks(decision: Decision) -> tuple[SizeOutlook, ...]:
    if not np.isfinite(decision.fit).all():
        return ()
    return tuple(
        SizeOutlook(label, *shares)
        for label, shares in zip(decision.labels, decision.fit.tolist(), strict=True)
    )


def _because(
    X: Floats, labels: Sequence[str], told: Sequence[float], flag: ProductFlag | None
) -> tuple[Because, ...]:
    reasons = []
    fitted = round(float(X[0, _TOLD_FIT]))
    if fitted and (label := _nearest(X[:, _FROM_FIT].tolist(), labels)) is not None:
        reasons.append(Because("kept_before", {"n": fitted, "label": label}))
    gap = X[:, _GAP].tolist()
    if (label := _nearest(gap, labels)) is not None:
        reasons.append(Because("measurements", {"label": label}))
    n = round(sum(told))
    if flag == "runs_small":
        reasons.append(Because("product_runs_small", _share(told[0], n)))
    elif flag == "runs_large":
        reasons.append(Because("product_runs_large", _share(told[2], n)))
    elif n:
        reasons.append(Because("crowd", {"n": n}))
    if not any(map(math.isfinite, gap)) and not X[0, _ORDERS]:
        reasons.append(Because("market_average"))
    return tuple(reasons)


def _share(count: float, n: int) -> dict[str, float | int | str]:
    return {"n": n, "share": round(count / n, 4)}


def _nearest(steps: Sequence[float], labels: Sequence[str]) -> str | None:
    """Label of the size that is nearest in steps; None where it is beyond the sizes asked about."""
    # Plain floats: for the few sizes of a product an array's functions cost twenty times as much.
    distance, label = min(
        (
            (abs(step), label)
            for step, label in zip(steps, labels, strict=True)
            if math.isfinite(step)
        ),
        default=(math.inf, None),
    )
    return label if distance <= _NEAR else None
