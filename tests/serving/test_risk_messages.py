import re

import pytest

from models.return_risk.answer import Driver
from models.return_risk.cost import ACTION
from serving.languages import Languages
from serving.risk_messages import action_text, driver_text, price_notice, shopper_message

TAGS = ("de", "en", "es", "fr", "ja", "zh_CN")
DRIVERS = (
    Driver("colour_comes_back", 0.1, {"colour": "petrol", "ratio": 2.1, "n": 812}),
    Driver("size_comes_back", 0.1, {"size": "XL", "ratio": 1.4, "n": 812}),
    Driver("product_comes_back", 0.1, {"ratio": 1.4, "n": 812}),
    Driver("product_stays", -0.1, {"ratio": 0.62, "n": 812}),
    Driver("brand_comes_back", 0.1, {"brand": "Acme", "ratio": 1.4, "n": 812}),
    Driver("brand_stays", -0.1, {"brand": "Acme", "ratio": 0.62, "n": 812}),
    Driver("market_comes_back", 0.1, {"market": "DE", "ratio": 1.4, "n": 812}),
    Driver("customer_returns", 0.1, {"returned": 7, "orders": 9}),
    Driver("customer_keeps", -0.1, {"kept": 7, "orders": 9}),
    Driver("same_product_before", 0.1, {"returned": 2, "orders": 3}),
    Driver("same_size_trouble", 0.1, {"label": "XL", "p_small": 0.08, "p_large": 0.44}),
    Driver("size_fits", -0.1, {"label": "XL", "p_fit": 0.83}),
    Driver("several_sizes", 0.1, {"count": 3}),
    Driver("several_colours", 0.1, {"count": 3}),
    Driver("basket_lines", 0.1, {"lines": 1}),
    Driver("basket_lines", 0.1, {"lines": 12}),
    Driver("price_high", 0.1, {"ratio": 1.8}),
    Driver("price_reduced", -0.1, {"ratio": 0.55}),
    Driver("late_delivery", 0.1, {"days": 1}),
    Driver("late_delivery", 0.1, {"days": 4}),
    Driver("quick_delivery", -0.1, {"days": 1}),
    Driver("quick_delivery", -0.1, {"days": 2}),
    Driver("heavy_parcel", 0.1, {"g": 2400}),
    Driver("new_customer", 0.0),
    Driver("new_product", 0.0),
    Driver("other", 0.0),
)


@pytest.fixture(scope="module")
def languages():
    return Languages()


def shown(driver, language):
    """The figures a sentence must hold, as the language writes them."""
    for name, value in driver.figures.items():
        if name in ("p_small", "p_large", "p_fit"):
            yield language.percent(value)
        else:
            yield value if isinstance(value, str) else language.number(value)


@pytest.mark.parametrize("tag", TAGS)
def test_every_driver_is_told_with_its_figures_in_every_language(languages, tag):
    language, english = languages.choose(tag), languages.choose("en")
    told = [driver_text(driver, language) for driver in DRIVERS]
    assert len(set(told)) == len(DRIVERS)
    for driver, text in zip(DRIVERS, told, strict=True):
        assert not re.search(r"[{}]|None", text)
        for figure in shown(driver, language):
            assert figure in text
        if tag != "en":
            assert text != driver_text(driver, english)


@pytest.mark.parametrize("tag", TAGS)
def test_every_action_is_explained_in_every_language(languages, tag):
    language = languages.choose(tag)
    told = [action_text(each, "12 EUR", "3 EUR", language, bought=False) for each in ACTION]
    told += [
        action_text("none", "12 EUR", "", language, bought=True),
        action_text("none", None, "", language, bought=False),
        price_notice(language),
    ]
    assert len(set(told)) == len(told)
    assert not any(re.search(r"[{}]|None", text) for text in told)
    assert all("12 EUR" in text for text in told[:5])
    assert all("3 EUR" in text for text in told[1:4])


def test_figures_are_rounded_for_reading(languages):
    english = languages.choose("en")
    ratio = Driver("price_high", 0.1, {"ratio": 1.8449})
    assert driver_text(ratio, english) == "The price is 1.8 times what is usual for such goods."
    small = Driver("price_reduced", 0.1, {"ratio": 0.5549})
    assert "0.55 times" in driver_text(small, english)
    size = Driver("same_size_trouble", 0.1, {"label": "M", "p_small": 0.084, "p_large": 0.436})
    assert "8% too small, 44% too large" in driver_text(size, english)
    assert re.search(r"8\s% trop petite", driver_text(size, languages.choose("fr")))


def test_a_driver_without_its_figures_has_no_text(languages):
    english = languages.choose("en")
    assert driver_text(Driver("colour_comes_back", 0.1, {"colour": "red"}), english) is None
    assert driver_text(Driver("late_delivery", 0.1, {}), english) is None
    assert driver_text(Driver("never_heard_of", 0.1, {"n": 1}), english) is None


def test_a_shopper_is_told_of_two_products_at_most_and_of_each_once(languages):
    english, japanese = languages.choose("en"), languages.choose("ja")
    sizes = [("M", "L"), ("M", "L"), ("38", "39"), ("S", "M")]
    told = shopper_message("show_size_advice", sizes, english)
    assert told == ("Size L may suit you better than M. Size 39 may suit you better than 38.")
    assert " " not in shopper_message("show_size_advice", sizes, japanese)
    assert shopper_message("drop_duplicate_size", [], english) is None
    assert shopper_message("none", [], english) is None
