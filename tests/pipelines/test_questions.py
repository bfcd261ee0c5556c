import pandas as pd
import pytest

from data_contracts.errors import BadInputError
from pipelines.questions import basket_question, claim_question
from pipelines.simulate import simulate


@pytest.fixture(scope="module")
def tables():
    return simulate(1500, seed=6).tables


def test_the_basket_is_a_customer_s_with_two_sizes_of_one_product(tables):
    request = basket_question(tables).request
    first, second, third = request["lines"]
    assert first["product_id"] == second["product_id"] != third["product_id"]
    sizes = tables["product_sizes"].set_index("product_id")["size_label"]
    assert {first["size"], second["size"]} <= set(sizes[first["product_id"]])
    assert first["size"] != second["size"]
    orders = tables["order_lines"]
    own = orders[orders["customer_id"] == request["customer_id"]]
    assert len(own) > 1
    assert request["market"] in set(own["market"])
    assert all(isinstance(line["unit_price"], float) for line in request["lines"])


def test_a_shop_without_sizes_colours_or_prices_still_has_a_basket(tables):
    lines = tables["order_lines"].assign(
        size_label=pd.Series(None, index=tables["order_lines"].index, dtype="str"),
        colour=pd.Series(None, index=tables["order_lines"].index, dtype="str"),
        unit_price=float("nan"),
    )
    bare = {"order_lines": lines, "product_sizes": tables["product_sizes"].head(0)}
    request = basket_question(bare).request
    assert [set(line) for line in request["lines"]] == [{"product_id"}] * 2


def test_the_claim_is_on_a_line_that_arrived_and_was_not_claimed_before(tables):
    request = claim_question(tables).request
    lines = tables["order_lines"].set_index("order_line_id")
    line = lines.loc[request["order_line_id"]]
    assert request["customer_id"] == line["customer_id"]
    assert request["order_line_id"] not in set(tables["returns"]["order_line_id"])
    assert pd.Timestamp(request["requested_at"]) > line["delivered_at"]
    gone = {**tables, "order_lines": tables["order_lines"].assign(delivered_at=pd.NaT)}
    with pytest.raises(BadInputError, match="no line with a size arrived"):
        claim_question(gone)
