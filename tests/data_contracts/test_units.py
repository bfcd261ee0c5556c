import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.units import MEASURES, UNITS, MeasureError, convert, read_measure

HEIGHT_5_6 = 167.64


@pytest.mark.parametrize(
    "text",
    [
        "5'6\"",
        "5′ 6″",
        "5’6”",
        "5 ft 6",
        "5ft6in",
        "5 feet 6 inches",
        "5フィート6インチ",
        "66 in",
        '66"',
        "５ｆｔ６",
        "5.5 ft",
        "167.64cm",
        "167,64 cm",
        "1,6764 m",
        "1,676.4 mm",
    ],
)
def test_a_height_is_read_however_it_is_written(text):
    assert read_measure(text, "height_cm") == pytest.approx(HEIGHT_5_6)


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("1m68", "height_cm", 168.0),
        ("1米68", "height_cm", 168.0),
        ("１６８　ｃｍ", "height_cm", 168.0),
        ("1,680 mm", "height_cm", 168.0),
        ("1,680 m", "height_cm", 168.0),
        ("36½ in", "chest_cm", 92.71),
        ("36 1/2 inches", "chest_cm", 92.71),
        ("245 mm", "foot_length_cm", 24.5),
        ("140 lbs", "weight_kg", 63.5029318),
        ("140#", "weight_kg", 63.5029318),
        ("10 st", "weight_kg", 63.5029318),
        ("9 st 4 lb", "weight_kg", 58.9670081),
        ("7 lb 4 oz", "weight_kg", 3.288544568),
        ("3 kg 400 g", "weight_kg", 3.4),
        ("127斤", "weight_kg", 63.5),
        ("63,5 公斤", "weight_kg", 63.5),
        ("18 months", "age_years", 1.5),
        ("2 ans 3 mois", "age_years", 2.25),
        ("2岁3个月", "age_years", 2.25),
    ],
)
def test_measures_are_read_in_every_unit_and_language(text, name, expected):
    assert read_measure(text, name) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("66", "height_cm", "height '66' names no unit; write 168 cm, 1.68 m, 66 in, 5 ft 6 in"),
        ("60 kg", "height_cm", "height '60 kg' is in 'kg', which is no length; write 168 cm"),
        ("60 cm", "weight_kg", "is in 'cm', which is no weight; write 63.5 kg, 140 lb or 10 st"),
        ("tall", "height_cm", "height 'tall' is no measure"),
        ("", "waist_cm", "waist '' is no measure; write 92 cm, 36 in"),
        ("-170 cm", "height_cm", "is no measure"),
        ("86-90 cm", "chest_cm", "is no measure"),
        ("86 cm-90 cm", "chest_cm", "is no measure"),
        ("5 ft 13", "height_cm", "is no number of ft and in"),
        ("1m7", "height_cm", "is no number of m and cm"),
        ("5 ft 20 cm", "height_cm", "is no number of ft and in"),
        ("1/0 in", "chest_cm", "chest '1/0 in' is no measure; write 92 cm"),
        ("0/0 cm", "chest_cm", "chest '0/0 cm' is no measure; write 92 cm"),
        ("1 1/0 m", "height_cm", "height '1 1/0 m' is no measure; write 168 cm"),
        ("5 ft 1/0 in", "height_cm", "is no measure"),
        ("5 ft 6 0/0 in", "height_cm", "is no measure"),
        ("1.68 cm", "height_cm", "height '1.68 cm' is 1.68 cm; it must be between 30 and 250 cm"),
        ("9 ft", "height_cm", "height '9 ft' is 274.3 cm; it must be between 30 and 250 cm"),
        ("900 lb", "weight_kg", "is 408.2 kg; it must be between 1 and 400 kg"),
        ("60 cm", "foot_length_cm", "foot length '60 cm' is 60 cm; it must be between 5 and 45 cm"),
        (math.nan, "height_cm", "height nan is nan cm; it must be between 30 and 250 cm"),
        ("9" * 400 + " cm", "height_cm", "is too long"),
    ],
)
def test_a_refusal_names_the_value_the_bounds_and_what_is_accepted(text, name, message):
    with pytest.raises(MeasureError) as caught:
        read_measure(text, name)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_bare_number_is_in_the_unit_that_was_declared_and_a_named_unit_wins():
    assert read_measure("66", "height_cm", unit="in") == pytest.approx(HEIGHT_5_6)
    assert read_measure(66, "height_cm", unit="in") == pytest.approx(HEIGHT_5_6)
    assert read_measure("168cm", "height_cm", unit="in") == 168.0
    assert read_measure(168, "height_cm") == 168.0
    assert read_measure("5-6", "height_cm", unit="ft_in") == pytest.approx(HEIGHT_5_6)


@given(st.sampled_from(sorted(MEASURES)), st.floats(0, 1), st.data())
def test_writing_and_reading_a_measure_gives_it_back(name, share, data):
    low, high, target = MEASURES[name]
    amount = low + share * (high - low)
    unit = data.draw(st.sampled_from([u for u in UNITS[target] if u != "ft_in"]))
    written = f"{amount / UNITS[target][unit]:.6f} {unit}"
    try:
        read = read_measure(written, name)
    except MeasureError:  # rounding may carry an extreme over its bound
        assert min(amount - low, high - amount) < 1e-3
    else:
        assert read == pytest.approx(amount, abs=1e-3)


@given(st.text(max_size=80), st.sampled_from(sorted(MEASURES)))
def test_no_text_is_read_as_an_impossible_body_or_breaks_the_reader(text, name):
    low, high, _ = MEASURES[name]
    try:
        read = read_measure(text, name)
    except MeasureError:
        return
    assert low <= read <= high


def test_a_column_of_mixed_text_is_read_cell_by_cell():
    cells = pd.Series(["168", "5 ft 6", "1,68 m", "66 in", None, "tall", "180cm"])
    read = convert(cells, "cm", "cm", (30.0, 250.0))
    assert read[[0, 2, 6]].tolist() == [168.0, 168.0, 180.0]
    assert read[[1, 3]].tolist() == pytest.approx([HEIGHT_5_6] * 2)
    assert read[[4, 5]].isna().all()


def test_values_beyond_the_limits_are_returned_for_the_contract_to_judge():
    assert convert(pd.Series(["9 ft"]), "cm", "cm", (30.0, 250.0))[0] == pytest.approx(274.32)
