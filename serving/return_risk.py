"""Return risk from the real model: state look-up, vectors, model, what-if of size and colour."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from data_contracts.tables import RETURN_REASON
from features.goods_online import OnlineGoods, plain_label
from features.questions import BasketLine, BasketQuestion, SizeQuestion
from features.return_risk_online import ReturnRiskLookup, RiskContext, sums_of
from features.return_risk_space import ReturnRiskSpace
from features.settings import Settings
from features.state import StateError, StateReader
from models.return_risk import ReturnRisk
from models.return_risk.answer import Driver, LabelRisk, LineRisk, Suggestion
from models.return_risk.drivers import Occluded
from models.return_risk.figures import LineLabels
from models.return_risk.whatif import SizeRisk, by_size, suggest_colour, suggest_size
from models.size_fit.advice import SizeAdvice
from serving.advisor import ModelLabel, SizeAdvisor
from serving.degraded import open_steady
from serving.risk_advisor import Goods
from serving.state_guard import StateGuard

__all__ = ["CHECKOUT", "DELIVERED", "ModelRiskAdvisor", "load_risk_advisor"]

CHECKOUT: Final = "checkout"
DELIVERED: Final = "delivered"

Floats = npt.NDArray[np.float64]

logger = logging.getLogger("muslin.serving")


class ModelRiskAdvisor:
    """The champion with the state it was materialised for.

    Parameters
    ----------
    checkout, delivered
        The estimators for the two moments.
    space
        Their feature space.
    state
        The online state, filled for this model.
    label
        Its name and version in the registry.
    sizes
        The size model, which the what-if over sizes is tied to; without it there is none.
    """

    def __init__(
        self,
        checkout: ReturnRisk,
        delivered: ReturnRisk,
        space: ReturnRiskSpace,
        state: StateReader,
        label: ModelLabel,
        sizes: SizeAdvisor | None = None,
    ) -> None:
        self._checkout = checkout
        self._delivered = delivered
        self._space = space
        self._lookup = ReturnRiskLookup(space, state)
        self._base = space.base_
        self._label = label
        self._sizes = sizes
        self._guard = StateGuard(state, label, space.fingerprint)

    def label(self) -> ModelLabel:
        """Name and version of the model."""
        return self._label

    def over(self, state: StateReader, sizes: SizeAdvisor | None = None) -> ModelRiskAdvisor:
        """The same models, asking another state that was filled for them, and this size model.

        Raises
        ------
        StateError
            When it was filled for another.
        """
        return ModelRiskAdvisor(
            self._checkout, self._delivered, self._space, state, self._label, sizes
        )

    def goods(self, product_ids: Sequence[str]) -> list[Goods | None]:
        """What is known of each product, in order; None where it is unknown.

        Raises
        ------
        StateError
            As :meth:`assess`.
        """
        self._guard.check()
        return [None if each is None else _told(each) for each in self._lookup.goods(product_ids)]

    def assess(self, questions: Sequence[BasketQuestion]) -> list[tuple[LineRisk, ...]]:
        """Judge each basket; state and models are asked once for all of them.

        Raises
        ------
        StateError
            When the state has been filled for another model meanwhile.
        """
        self._guard.check()
        contexts = self._lookup.contexts(questions)
        judged = _Judged(self._checkout, self._delivered, self._base, contexts)
        advice = self._advise(contexts)
        return [
            _risks_of(context, basket, judged, advice[basket])
            for basket, context in enumerate(contexts)
        ]

    def _advise(self, contexts: Sequence[RiskContext]) -> list[dict[str, SizeAdvice]]:
        """Advice of the size model on each product that has sizes, by basket."""
        told: list[dict[str, SizeAdvice]] = [{} for _ in contexts]
        if self._sizes is None:
            return told
        asked = [
            (basket, _size_question(context.question, product_id))
            for basket, context in enumerate(contexts)
            for product_id in _sized(context)
        ]
        if not asked:
            return told
        try:
            advice = self._sizes.advise(self._sizes.look_up([question for _, question in asked]))
        except StateError as error:  # of the other model's state: the risk stands without sizes
            logger.warning("return risk goes without sizes: %s", error)
            return told
        for (basket, question), each in zip(asked, advice, strict=True):
            told[basket][question.product_id] = each
        return told


class _Judged:
    """What the models say of all lines at once, as plain numbers."""

    def __init__(
        self,
        checkout: ReturnRisk,
        delivered: ReturnRisk,
        base: float,
        contexts: Sequence[RiskContext],
    ) -> None:
        self._contexts = contexts
        self._base = base
        self._rows = [(b, i) for b, c in enumerate(contexts) for i in range(len(c.goods))]
        self._others = [(b, j) for b, c in enumerate(contexts) for j in range(len(c.colours))]
        self._place = {at: place for place, at in enumerate(self._rows)}
        self._chances: list[list[float]] = [[] for _ in self._rows]
        self._bounds: list[tuple[float, float]] = [(0.0, 1.0) for _ in self._rows]
        self._drivers: list[tuple[Driver, ...]] = [() for _ in self._rows]
        self._colours: dict[tuple[int, int], float] = {}
        if not self._rows:
            return
        self._delivery = np.concatenate([c.delivery for c in contexts])
        came = [contexts[b].question.lines[i].delivered is not None for b, i in self._rows]
        self._ask(checkout, [place for place, each in enumerate(came) if not each], arrived=False)
        self._ask(delivered, [place for place, each in enumerate(came) if each], arrived=True)

    def _ask(self, model: ReturnRisk, mine: list[int], *, arrived: bool) -> None:
        """Let the model of one moment judge the lines at these places."""
        if not mine:
            return
        contexts = self._contexts
        X = np.concatenate([c.X for c in contexts])[mine]
        delivery = self._delivery[mine] if arrived else None
        own = X if delivery is None else np.concatenate([X, delivery], axis=1)
        facts = np.concatenate([c.facts for c in contexts])[mine]
        sums = sums_of(np.concatenate([c.records for c in contexts])[mine])
        labels = [self._labels(*self._rows[place]) for place in mine]
        occluded = Occluded(facts, sums, self._base, labels, delivery=delivery)
        others, recoloured = self._recoloured(set(mine), arrived=arrived)
        # The boosters are asked once for all: a call costs as much as a dozen rows.
        chance = model.chance(np.concatenate([own, occluded.X, *recoloured]))
        of_lines, of_occluded, of_others = np.split(chance, [len(own), len(own) + len(occluded.X)])
        chances = model.outcomes(own, of_lines)
        low, high = model.interval(own, 1.0 - chances[:, 0])
        drivers = occluded.drivers(of_lines, of_occluded)
        told = zip(mine, chances.tolist(), low.tolist(), high.tolist(), drivers, strict=True)
        for place, row, least, most, moved in told:
            self._chances[place] = row
            self._bounds[place] = (least, most)
            self._drivers[place] = moved
        self._colours.update(zip(others, of_others.tolist(), strict=True))

    def _recoloured(
        self, mine: set[int], *, arrived: bool
    ) -> tuple[list[tuple[int, int]], list[Floats]]:
        """Which other colours of these lines there are, and their vectors in one part or none."""
        owners = [self._place[b, self._contexts[b].colours[j].line] for b, j in self._others]
        also = [k for k, owner in enumerate(owners) if owner in mine]
        if not also:
            return [], []
        X = np.concatenate([c.recoloured for c in self._contexts if c.colours])[also]
        if arrived:
            X = np.concatenate([X, self._delivery[[owners[k] for k in also]]], axis=1)
        return [self._others[k] for k in also], [X]

    def _labels(self, basket: int, line: int) -> LineLabels:
        context = self._contexts[basket]
        asked, goods = context.question.lines[line], context.goods[line]
        return LineLabels(
            size=asked.size_label,
            colour=asked.colour,
            brand=None if goods is None else goods.brand,
            market=context.question.market,
        )

    def drivers(self, basket: int, line: int) -> tuple[Driver, ...]:
        """What moved the chance most."""
        return self._drivers[self._place[basket, line]]

    def reasons(self, basket: int, line: int) -> dict[str, float]:
        """Chance of each reason."""
        return dict(zip(RETURN_REASON, self._chances[self._place[basket, line]][1:], strict=True))

    def bounds(self, basket: int, line: int) -> tuple[float, float]:
        """Where the true chance lies."""
        return self._bounds[self._place[basket, line]]

    def colour(self, basket: int, other: int) -> float:
        """Chance of a return in another colour."""
        return self._colours[basket, other]


def _risks_of(
    context: RiskContext, basket: int, judged: _Judged, advice: dict[str, SizeAdvice]
) -> tuple[LineRisk, ...]:
    lines = context.question.lines
    others: list[list[LabelRisk]] = [[] for _ in lines]
    for j, other in enumerate(context.colours):
        others[other.line].append(LabelRisk(other.label, judged.colour(basket, j)))
    beside = _other_sizes(lines)
    risks = []
    for i, line in enumerate(lines):
        reasons = judged.reasons(basket, i)
        p_return = min(sum(reasons.values()), 1.0)
        low, high = judged.bounds(basket, i)
        suggestions: list[Suggestion | None] = []
        sizes: tuple[SizeRisk, ...] = ()
        told, goods = advice.get(line.product_id), context.goods[i]
        if told is not None and goods is not None:
            size = goods.size(line.size_label)
            own = line.size_label if size is None else size.label
            sizes = by_size(reasons, told.sizes, own)
            if not beside[i].any:
                suggestions.append(suggest_size(told, sizes, own))
        suggestions.append(suggest_colour(p_return, others[i]))
        found = [each for each in suggestions if each is not None and line.delivered is None]
        risks.append(
            LineRisk(
                p_return=p_return,
                p_low=min(low, p_return),
                p_high=max(high, p_return),
                reasons=reasons,
                drivers=judged.drivers(basket, i),
                sizes=tuple([LabelRisk(each.label, each.p_return) for each in sizes]),
                colours=_colours(line, goods, p_return, others[i]),
                suggestions=tuple(sorted(found, key=lambda each: each.p_to)),
                duplicate_of=beside[i].earlier,
                knows={
                    "customer_orders": context.orders("customer", i),
                    "product_orders": context.orders("product", i),
                },
            )
        )
    return tuple(risks)


def _colours(
    line: BasketLine, goods: OnlineGoods | None, p_return: float, others: list[LabelRisk]
) -> tuple[LabelRisk, ...]:
    """The line's own colour and the others, as the shop orders them."""
    if not others or goods is None or line.colour is None:
        return ()
    own = plain_label(line.colour)
    known = [label for label in goods.colours if plain_label(label) == own]
    return (LabelRisk(known[0] if known else line.colour, p_return), *others)


class _OtherSizes(NamedTuple):
    """Lines of the same product in another size: the shopper tries both on.

    Attributes
    ----------
    earlier
        The first of them that is before the line.
    any
        Whether there is one at all.
    """

    earlier: int | None
    any: bool


def _other_sizes(lines: Sequence[BasketLine]) -> list[_OtherSizes]:
    """Of each line; none of one whose size is not told."""
    labels = [plain_label(line.size_label) for line in lines]
    first: dict[str, dict[str, int]] = {}  # by product and size, in the order of the basket
    earlier: list[int | None] = []
    for i, (line, size) in enumerate(zip(lines, labels, strict=True)):
        if size is None:
            earlier.append(None)
            continue
        sizes = first.setdefault(line.product_id, {})
        earlier.append(next((at for other, at in sizes.items() if other != size), None))
        sizes.setdefault(size, i)
    return [
        _OtherSizes(at, size is not None and len(first[line.product_id]) > 1)
        for line, size, at in zip(lines, labels, earlier, strict=True)
    ]


def _sized(context: RiskContext) -> list[str]:
    """The basket's products with a size to choose, each once."""
    found = {
        goods.product_id: None
        for goods in context.goods
        if goods is not None and any(size.scale is not None for size in goods.sizes)
    }
    return list(found)


def _size_question(question: BasketQuestion, product_id: str) -> SizeQuestion:
    return SizeQuestion(
        product_id=product_id,
        asked_at=question.asked_at,
        customer_id=question.customer_id,
        wearer=question.wearer,
        market=question.market,
        measurements=question.measurements,
    )


def _told(goods: OnlineGoods) -> Goods:
    return Goods(
        category=goods.category,
        audience=goods.audience,
        hygiene_sealed=goods.hygiene_sealed,
        price=goods.price,
        currency=goods.currency,
        launched_at=goods.launched_at,
    )


def load_risk_advisor(
    folder: Path, label: ModelLabel, settings: Settings, sizes: SizeAdvisor | None
) -> ModelRiskAdvisor:
    """Load the model and open the state it was materialised for.

    Parameters
    ----------
    folder
        The champion's files: ``space.json``, and one folder for each moment.
    label
        Its name and version.
    settings
        Where the state is.
    sizes
        The size model, where it answers.

    Raises
    ------
    StateError
        When there is no state, or it was filled for another version.
    ValueError
        When the files are of another model or format.
    """
    checkout = ReturnRisk.load(folder / CHECKOUT)
    delivered = ReturnRisk.load(folder / DELIVERED)
    space = ReturnRiskSpace.load(folder)
    state = open_steady(settings.state_url)
    try:
        return ModelRiskAdvisor(checkout, delivered, space, state, label, sizes)
    except StateError:
        state.close()
        raise
