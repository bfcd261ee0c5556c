import math

import pytest

from features.garments import binding_of_part, part_of_scale, stretch_of


@pytest.mark.parametrize(
    ("material", "gives"),
    [
        ("95 % Baumwolle, 5 % Elasthan", 1.0),
        ("cotton, ELASTANE", 1.0),
        ("Strick", 1.0),
        ("棉95% 氨纶5%", 1.0),
        ("linen", 0.0),
        ("polyester", 0.0),
    ],
)
def test_a_fabric_gives_where_its_words_say_so(material, gives):
    assert stretch_of(material) == gives


def test_of_no_material_nothing_is_known():
    assert math.isnan(stretch_of(None))
    assert math.isnan(stretch_of(" "))


def test_girths_are_read_by_the_kind_of_garment_and_other_scales_are_not():
    assert part_of_scale("women|girth", "skirt", "women", "EU") == "women|girth/bottom"
    assert part_of_scale("women|girth", "whatsit", "women", "EU") == "women|girth"
    assert part_of_scale("children|height", "kids_top", "girls", "EU") == "children|height"
    assert part_of_scale(None, "scarf", "women", "ONE") is None


def test_the_hip_binds_more_for_what_is_worn_below():
    below, above = (binding_of_part(f"women|girth/{family}") for family in ("bottom", "top"))
    assert below.get("hip_cm", 0.0) > above.get("hip_cm", 0.0)
    assert above["chest_cm"] > below.get("chest_cm", 0.0)
    assert sum(below.values()) == pytest.approx(1.0)
