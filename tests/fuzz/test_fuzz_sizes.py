"""What fuzzing found in the readers of sizes, measures and cells, and their properties in small."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.cells import READERS
from data_contracts.units import MEASURES, MeasureError, read_measure, units_of
from features.size_systems import family_of, parse_size
from features.size_systems.cells import OWN
from features.size_systems.notation import _CUP
from features.sizes import parse_label, rank_labels
from tests.fuzz import size_properties as holds
from tests.fuzz.effort import lean

LEAN = lean(60)
LABELS = sorted({label for table in holds.all_tables().values() for label in table.labels})
WORDS = "UK US EU FR IT DE JP CN BR women kids months years ans ヶ月 号 W L / - . , ½ + ( ) tall cm"
PIECES = st.lists(st.sampled_from(LABELS) | st.sampled_from(WORDS.split()), max_size=5)
TEXTS = st.one_of(
    PIECES.map("".join),
    PIECES.map(" ".join),
    st.text(max_size=20),
    st.text(alphabet="0123456789XSMLWTAC/-.,+½' ", max_size=12),
    st.from_regex(r"[A-L]{0,2}[0-9]{1,3}[ -]?[A-L]{0,3}", fullmatch=True),
)
AUDIENCES = st.sampled_from(holds.AUDIENCE_CHOICES)


@LEAN
@given(
    TEXTS,
    AUDIENCES,
    st.sampled_from(holds.FAMILY_CHOICES),
    st.sampled_from(holds.MARKETS),
    st.sampled_from((None, *holds.SYSTEMS)),
    st.lists(TEXTS, max_size=3),
)
def test_a_label_of_any_product_is_read_as_tables_know_it_or_not(
    text, audience, family, market, system, siblings
):
    holds.check_label(text, audience, family, market, system, siblings)
    holds.check_forms(text)


@LEAN
@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_labels_of_a_product_are_ranked_without_a_gap_in_any_order(labels):
    holds.check_product(labels)


@LEAN
@given(st.text(max_size=40) | st.lists(st.text(max_size=8), max_size=3).map("/".join), AUDIENCES)
def test_any_words_are_a_kind_of_goods_or_none(text, audience):
    holds.check_category(text, audience)


@LEAN
@given(
    st.text(max_size=80) | st.from_regex(r"[0-9]{1,4}[.,' ]?[0-9]{0,3} ?(ft|in|cm|m|lb|st|kg|')?"),
    st.sampled_from(sorted(MEASURES)),
    st.data(),
)
def test_any_text_is_a_measure_within_the_contract_or_refused(text, name, data):
    unit = data.draw(st.sampled_from((None, *units_of(MEASURES[name][2]))))
    holds.check_measure(text, name, unit)


@LEAN
@given(
    st.lists(
        st.text(max_size=20)
        | st.text(alphabet='[]{}",1e-:T+Z|', max_size=12)
        | st.sampled_from(["9" * 400, "1e999", "-inf", "0x10", "1_0", "2026-02-30", "99999-01-01"]),
        min_size=1,
        max_size=4,
    )
)
def test_any_column_of_text_is_values_and_unreadable_cells(texts):
    holds.check_cells(texts)


def test_a_girth_as_wide_as_a_child_is_tall_is_no_childs_size():
    """Found by atheris: 75/80A was given back as the baby size 75/80, which reads as no size."""
    assert parse_size("75/80A").best.system == OWN
    assert parse_size("80/48A").best.system == "CN"


@pytest.mark.parametrize("part", ["1/2 ", "̣́", "UK 10 / ", "X", " ", "号", "kids ", "("])
def test_no_label_category_or_measure_is_too_long_to_be_refused_at_once(part):
    """Marks that combine take the square of their number to fold: 80,000 took seven seconds."""
    text = part * 200_000
    assert parse_size(text).readings == ()
    assert family_of(text) in holds.FAMILY_CHOICES
    with pytest.raises(MeasureError, match="is too long"):
        read_measure(text, "height_cm", unit="cm")


def test_every_cup_that_is_read_has_its_place():
    """Found by atheris: the products with a bra of cup EE could not be ranked."""
    bras = ["80D", "80DD", "80E", "80EE", "80F", "80FF", "80G"]
    assert rank_labels(bras) == [float(rank) for rank in range(len(bras))]
    letters = [a + b for a in "ABCDEFGHIJKL" for b in ("", a, a + a)]
    for letter in (each for each in letters if re.fullmatch(_CUP, each)):
        assert parse_label(f"80{letter}") is not None


def test_the_end_of_a_long_category_says_what_it_is():
    assert family_of("Sale > " * 200 + "Damen > Winterjacken") == "outerwear"


@pytest.mark.parametrize("cell", ["[" * 100_000, "[" + "9" * 5_000 + "]", "[1,", "[\x00]"])
def test_a_cell_that_begins_as_a_list_and_is_none_is_unreadable(cell):
    """Found by reading with the fuzzer's eyes: depth and digits end in other errors than JSON's."""
    values, bad = READERS["text_list"](pd.Series([cell, '["a"]'], dtype="str"))
    assert bad.tolist() == [True, False]
    assert values[1] == ["a"]


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed")
def test_the_harness_runs(tmp_path):
    script = Path(__file__).with_name("fuzz_sizes.py")
    done = subprocess.run(
        [sys.executable, str(script), "-runs=30", "-seed=1", "--collect", str(tmp_path / "found")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert "DONE" in done.stderr
    assert list((tmp_path / "found").iterdir()) == []
