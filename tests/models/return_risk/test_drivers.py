import numpy as np
import pytest

from features.return_risk import (
    DELIVERY,
    FACTS,
    HISTORIES,
    VECTOR,
    VECTORS,
    return_risk_vectors,
)
from models.return_risk.drivers import LOOKED_AT, Occluded
from models.return_risk.figures import LineLabels, Telling, tellings

BASE = 0.3
_F = {name: i for i, name in enumerate(FACTS)}


class Rates:
    """A model whose chance is one column of the vector, or a weighted sum of columns."""

    def __init__(self, weights, moment="checkout"):
        self.weights, self.moment = weights, moment

    def chance(self, X):
        vector = VECTORS[self.moment]
        return sum(w * np.nan_to_num(X[:, vector.index(n)]) for n, w in self.weights.items())


def drivers_of(model, facts, sums, base, labels, delivery=None):
    """Ask the model of the lines and of what is hidden of them."""
    occluded = Occluded(facts, sums, base, labels, delivery=delivery)
    own = return_risk_vectors(facts, sums, base)
    if delivery is not None:
        own = np.column_stack([own, delivery])
    return occluded.drivers(model.chance(own), model.chance(occluded.X))


@pytest.fixture
def line():
    """Facts and sums of one line alone in its basket, of which nothing is on record."""
    facts = np.zeros((1, len(FACTS)))
    for name in FACTS[FACTS.index("basket_lines") :]:
        facts[0, _F[name]] = 1.0
    facts[0, [_F["price"], _F["quantity"]]] = 50.0, 1.0
    return facts, {h.name: np.zeros((1, len(h.sums))) for h in HISTORIES}


def record(sums, history, ordered, returned, kept):
    sums[history][0, :3] = ordered, returned, kept


LABELS = [LineLabels(size="M", colour="ochre", brand="Lune", market="DE")]


def only(found):
    assert len(found) == 1
    assert len(found[0]) == 1
    return found[0][0]


def test_a_colour_is_told_against_the_products_others(line):
    facts, sums = line
    record(sums, "product", 60, 18, 42)
    record(sums, "product_colour", 20, 12, 8)
    driver = only(drivers_of(Rates({"product_colour.rate": 1.0}), facts, sums, BASE, LABELS)[:1])
    assert driver.code == "colour_comes_back"
    assert driver.figures == {"colour": "ochre", "ratio": 4.0, "n": 20}
    assert driver.effect > 0


def test_what_the_model_does_not_read_is_no_driver(line):
    facts, sums = line
    record(sums, "product_colour", 20, 12, 8)
    record(sums, "customer", 9, 6, 3)
    driver = only(drivers_of(Rates({"customer.rate": 1.0}), facts, sums, BASE, LABELS))
    assert driver.code == "customer_returns"
    assert driver.figures == {"returned": 6, "orders": 9}


def test_a_buyer_who_keeps_lowers_the_chance(line):
    facts, sums = line
    record(sums, "customer", 12, 0, 12)
    driver = only(drivers_of(Rates({"customer.rate": 1.0}), facts, sums, BASE, LABELS))
    assert driver.code == "customer_keeps"
    assert driver.effect < 0


def test_several_sizes_of_one_product_are_a_driver_with_their_number(line):
    facts, sums = line
    facts[0, _F["sizes_of_product"]] = 3.0
    found = drivers_of(Rates({"sizes_of_product": 0.1}), facts, sums, BASE, LABELS)[0]
    assert found[0].code == "several_sizes"
    assert found[0].figures == {"count": 3}
    assert found[0].effect == pytest.approx(0.2)


def test_a_basket_of_one_product_is_told_by_its_sizes_alone(line):
    facts, sums = line
    facts[0, [_F["basket_lines"], _F["sizes_of_product"]]] = 2.0
    model = Rates({"basket_lines": 0.1, "sizes_of_product": 0.1})
    driver = only(drivers_of(model, facts, sums, BASE, LABELS))
    assert driver.code == "several_sizes"
    facts[0, _F["basket_products"]] = 2.0
    found = drivers_of(model, facts, sums, BASE, LABELS)[0]
    assert {each.code for each in found} == {"several_sizes", "basket_lines"}


def test_the_effect_is_what_the_chance_would_change_by(line):
    facts, sums = line
    record(sums, "product", 100, 60, 40)
    found = drivers_of(Rates({"product.rate": 0.5}), facts, sums, BASE, LABELS)[0]
    rate = (60 + 12 * BASE) / (100 + 12)
    assert found[0].code == "product_comes_back"
    assert found[0].effect == pytest.approx(0.5 * (rate - BASE), abs=1e-4)
    assert found[0].figures == {"ratio": 2.0, "n": 100}


def test_nothing_on_record_moves_nothing(line):
    facts, sums = line
    weights = {name: 0.1 for name in VECTOR if name.endswith(".rate")}
    assert drivers_of(Rates(weights), facts, sums, BASE, LABELS) == [()]


def test_at_most_three_are_told_the_strongest_first(line):
    facts, sums = line
    record(sums, "product", 60, 40, 20)
    record(sums, "product_colour", 20, 16, 4)
    record(sums, "product_size", 20, 15, 5)
    record(sums, "customer", 20, 15, 5)
    record(sums, "brand", 500, 300, 200)
    weights = {f"{n}.rate": 0.2 for n in ("product_colour", "product_size", "customer", "brand")}
    found = drivers_of(Rates(weights), facts, sums, BASE, LABELS)[0]
    assert len(found) == 3
    effects = [abs(each.effect) for each in found]
    assert effects == sorted(effects, reverse=True)


def test_a_late_parcel_is_told_with_its_days(line):
    facts, sums = line
    delivery = np.zeros((1, len(DELIVERY)))
    delivery[0, DELIVERY.index("delay_days")] = 6.0
    delivery[0, DELIVERY.index("delivery_days")] = 9.0
    model = Rates({"delay_days": 0.02}, moment="delivered")
    found = drivers_of(model, facts, sums, BASE, LABELS, delivery=delivery)[0]
    assert found[0].code == "late_delivery"
    assert found[0].figures == {"days": 6}
    assert found[0].effect == pytest.approx(0.12)


def test_lines_are_told_apart_as_if_each_were_asked_alone(line):
    facts, sums = line
    record(sums, "customer", 9, 6, 3)
    both = np.concatenate([facts, facts])
    two = {name: np.concatenate([each, np.zeros_like(each)]) for name, each in sums.items()}
    model = Rates({"customer.rate": 1.0})
    first, second = drivers_of(model, both, two, BASE, LABELS * 2)
    assert (first,) == tuple(drivers_of(model, facts, sums, BASE, LABELS))
    assert second == ()


def test_no_lines_no_drivers(line):
    facts, sums = line
    none = {name: each[:0] for name, each in sums.items()}
    assert drivers_of(Rates({"customer.rate": 1.0}), facts[:0], none, BASE, []) == []


@pytest.fixture
def many():
    """Lines of every kind of record, and deliveries of theirs."""
    rng = np.random.default_rng(3)
    n = 200
    facts = rng.integers(0, 4, (n, len(FACTS))).astype("float64")
    facts[:, _F["price"]] = rng.uniform(1, 90, n)
    facts[rng.random(facts.shape) < 0.05] = np.nan
    sums = {}
    for h in HISTORIES:
        each = rng.poisson(rng.choice([0.0, 3.0, 30.0], (n, 1)), (n, len(h.sums))) * 1.0
        each[:, 0] = each[:, 1] + each[:, 2]
        sums[h.name] = each
    delivery = rng.uniform(-3, 9, (n, len(DELIVERY)))
    delivery[rng.random(delivery.shape) < 0.2] = np.nan
    words = [("M", None), ("ochre", None), ("Lune", None), ("DE", None)]
    labels = [LineLabels(*(each[rng.integers(2)] for each in words)) for _ in range(n)]
    return facts, sums, labels, delivery


def test_no_driver_is_lost_by_asking_only_of_what_can_be_told(many, monkeypatch):
    facts, sums, labels, delivery = many
    rng = np.random.default_rng(4)
    vector = VECTORS["delivered"]
    model = Rates(dict(zip(vector, rng.normal(0, 0.03, len(vector)), strict=True)), "delivered")
    found = drivers_of(model, facts, sums, BASE, labels, delivery=delivery)
    asked = Occluded(facts, sums, BASE, labels, delivery=delivery)

    def of_everything(*given):
        told = {what: dict.fromkeys(range(len(labels))) for what in LOOKED_AT}
        for what, some in tellings(*given).items():
            told[what] |= {each.line: each for each in some}
        return {
            what: [each or Telling(line, None, None) for line, each in by_line.items()]
            for what, by_line in told.items()
        }

    monkeypatch.setattr("models.return_risk.drivers.tellings", of_everything)
    assert drivers_of(model, facts, sums, BASE, labels, delivery=delivery) == found
    every = Occluded(facts, sums, BASE, labels, delivery=delivery)
    assert len(every.X) == len(LOOKED_AT) * len(labels)
    assert len(labels) < len(asked.X) < 0.8 * len(every.X)
    assert len({each.code for of_line in found for each in of_line}) > 9
