"""A product is read once, and read again when the state says something else of it."""

import numpy as np
import orjson
import pytest

from features.positions import PLACES
from features.size_fit import FACTS, HISTORIES
from features.size_fit_products import OF_PRODUCT, ProductReader
from features.state import state_key

CODES = {"category": {"dress": 3.0}, "audience": {"women": 1.0}}


def stored(**told):
    """A dress in three sizes, the last of them on no scale, as the state has it."""
    head = {
        "labels": ["S", "M", "ONE"],
        "scales": ["women|girth", "women|girth", None],
        "family": "dress",
        "chart": "estimated",
        "bodies": [{"chest_cm": (80.0, 84.0)}, {"chest_cm": (84.0, 88.0)}, {}],
        "category": "dress",
        "brand": "b",
        "audience": "women",
        "size_system": "ALPHA",
        "material": "linen",
        **told,
    }
    places = np.arange(3.0 * len(PLACES)).reshape(3, -1)
    return orjson.dumps(head) + b"\0" + places.tobytes()


@pytest.fixture
def reader():
    return ProductReader(CODES)


def fact(sizes, name):
    return sizes.facts[:, FACTS.index(name)].tolist()


def test_the_facts_of_a_product_are_there_and_all_others_open(reader):
    sizes = reader.read("p", stored()).sizes
    assert sizes.labels == ("S", "M")
    assert fact(sizes, "position") == [0.0, float(len(PLACES))]
    assert fact(sizes, "category") == [3.0, 3.0]
    assert fact(sizes, "audience") == [1.0, 1.0]
    assert fact(sizes, "stretch") == [0.0, 0.0]
    own = {*PLACES, "category", "audience", "stretch"}
    others = [i for i, name in enumerate(FACTS) if name not in own]
    assert np.isnan(sizes.facts[:, others]).all()


def test_a_size_knows_where_its_histories_are(reader):
    sizes = reader.read("p", stored()).sizes
    of_m = dict(zip(OF_PRODUCT, sizes.keys[1], strict=True))
    assert of_m == {
        "product": state_key("product", "p"),
        "product_size": state_key("product_size", "p", "M"),
        "brand": state_key("brand", "b"),
        "category": state_key("category", "dress"),
    }
    assert set(OF_PRODUCT) <= {each.name for each in HISTORIES}
    unbranded = reader.read("p", stored(brand=None)).sizes
    assert dict(zip(OF_PRODUCT, unbranded.keys[0], strict=True))["brand"] is None


def test_a_product_is_read_once_until_the_state_tells_otherwise(reader):
    first = reader.read("p", stored())
    assert reader.read("p", stored()) is first
    other = reader.read("p", stored(material="elastane"))
    assert fact(other.sizes, "stretch") == [1.0, 1.0]
    assert reader.read("q", stored()).product.product_id == "q"
    assert reader.read("p", None) is None


def test_only_the_sizes_asked_for_are_given_smallest_first(reader):
    product = reader.read("p", stored())
    assert product.of(("M", "S")).labels == ("S", "M")
    assert product.of(("M",)).labels == ("M",)
    assert fact(product.of(("M",)), "position") == fact(product.sizes, "position")[1:]
    assert product.of(("ONE",)).labels == ()
    assert product.of(()) is product.sizes


def test_a_chart_moved_by_as_much_is_the_same_and_by_more_another(reader):
    product = reader.read("p", stored())
    assert product.moved(0.0) is product.product
    moved = product.moved(0.5)
    assert moved is product.moved(0.5)
    assert moved.bodies[0]["chest_cm"][0] < 80.0
    assert product.moved(1.0).bodies != moved.bodies
    published = reader.read("p", stored(chart="published"))
    assert published.moved(0.5) is published.product
