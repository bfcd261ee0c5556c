import datetime as dt
import re
from pathlib import Path
from string import Formatter

import pytest
from asgi import ask
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from babel.numbers import format_currency, get_currency_precision

import serving
from data_contracts.tables import TABLES
from models.size_fit.advice import Because, NextSize, SizeAdvice
from serving.languages import LOCALES, CatalogueError, Languages, LocaleSyntaxError
from serving.messages import (
    because_text,
    chart_notice,
    locale_notice,
    next_size_text,
    question_text,
    size_message,
)

TAGS = ("de", "en", "es", "fr", "ja", "zh_CN")
ADVICE = {
    "advised": SizeAdvice("advised", "M", ("M",)),
    "between_sizes": SizeAdvice("between_sizes", "M", ("M", "L"), ask_next="hip_cm"),
    "between_sizes, none suggested": SizeAdvice("between_sizes", None, ("M", "L")),
    "between_sizes, not named": SizeAdvice("between_sizes", "M"),
    "no_good_size": SizeAdvice("no_good_size", ask_next="chest_cm"),
    "not_enough_information": SizeAdvice("not_enough_information", ask_next="height_cm"),
    "not_sized": SizeAdvice("not_sized"),
    "unknown_product": SizeAdvice("unknown_product"),
}
RUNS_SMALL = Because("product_runs_small", {"n": 92, "share": 31 / 92})
BECAUSE = (
    Because("kept_before", {"n": 1, "label": "M"}),
    Because("kept_before", {"n": 3, "label": "M"}),
    Because("measurements", {"label": "M"}),
    Because("age", {"label": "M"}),
    Because("other_body"),
    RUNS_SMALL,
    Because("product_runs_large", {"n": 92, "share": 31 / 92}),
    Because("crowd", {"n": 1}),
    Because("crowd", {"n": 5}),
    Because("market_average"),
)
ASKED = {column.name for column in TABLES["body_measurements"].columns} - {
    "customer_id",
    "wearer",
    "measured_at",
    "sex",
}


@pytest.fixture(scope="module")
def languages():
    return Languages()


def catalogues(tag):
    for path in sorted((LOCALES / tag / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            yield path.name, read_po(file, locale=tag, abort_invalid=True)


def source_sentences():
    folder = Path(serving.__file__).parent
    found = extract_from_dir(folder, keywords={"N_": None, "NN_": (1, 2)})
    return {message for _, _, message, _, _ in found}


def placeholders(sentence):
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_the_six_languages_are_there(languages):
    assert languages.tags == TAGS


@pytest.mark.parametrize("tag", TAGS)
def test_every_sentence_is_translated_with_its_figures(tag):
    wanted = source_sentences()
    assert len(wanted) > 20
    messages = {
        message.id: message for _, each in catalogues(tag) for message in each if message.id
    }
    assert set(messages) == wanted, "sentences missing or left over"
    for sentence, message in messages.items():
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        singular = sentence if isinstance(sentence, str) else sentence[0]
        plural = sentence if isinstance(sentence, str) else sentence[1]
        assert not message.fuzzy
        for form in forms:
            assert form.strip()
            assert placeholders(form) in (placeholders(singular), placeholders(plural)), form
        if tag != "en":
            assert set(forms).isdisjoint([singular, plural])


def test_every_language_has_the_same_files():
    files = {tag: {name for name, _ in catalogues(tag)} for tag in TAGS}
    assert "muslin.po" in files["en"]
    assert all(names == files["en"] for names in files.values()), files


@pytest.mark.parametrize("tag", TAGS)
def test_every_status_has_its_own_message_in_every_language(languages, tag):
    language = languages.choose(tag)
    assert language.tag == tag
    told = [size_message(advice, [], language) for advice in ADVICE.values()]
    assert len(set(told)) == len(ADVICE)
    assert not any(re.search(r"[{}]|None", text) for text in told)
    english = languages.choose("en")
    if tag != "en":
        in_english = {size_message(advice, [], english) for advice in ADVICE.values()}
        assert in_english.isdisjoint(told)


@pytest.mark.parametrize("tag", TAGS)
def test_every_reason_and_question_is_told_in_every_language(languages, tag):
    language = languages.choose(tag)
    reasons = [because_text(because, language) for because in BECAUSE]
    questions = [question_text(name, language) for name in (*ASKED, "wearer", "anything")]
    assert len(set(reasons)) == len(reasons)
    assert len(set(questions)) == len(questions)
    assert not any("{" in text for text in (*reasons, *questions))


def test_figures_stand_in_the_sentence(languages):
    english = languages.choose("en")
    text = because_text(RUNS_SMALL, english)
    assert text == "Buyers of this product told us it runs small: 31 of 92."
    thousands = Because("product_runs_small", {"n": 4600, "share": 0.25})
    assert because_text(thousands, languages.choose("de")).endswith("1.150 von 4.600.")
    assert because_text(thousands, languages.choose("de-CH")).endswith("1’150 von 4’600.")


@pytest.mark.parametrize(
    "asked", ["en", "de", "de-CH", "fr", "es", "ja", "zh-CN", "en-IN", "de-AT"]
)
def test_money_is_written_as_the_region_does(languages, asked):
    language = languages.choose(asked)
    for currency in ("EUR", "USD", "JPY", "KWD", "CHF"):
        for amount in (0, 0.05, 1, 12.3, 999.99, 998.994, 1000, 1234567.891, -3.5):
            told = language.money(round(amount, get_currency_precision(currency)), currency)
            rounded = round(amount, get_currency_precision(currency))
            assert told == format_currency(rounded, currency, locale=language.region)


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("weeks", [1, 6, 22])
def test_the_next_size_names_the_present_one_only_where_the_advice_does_not(languages, tag, weeks):
    language = languages.choose(tag)
    due = NextSize("80", weeks, dt.date(2026, 2, 16), "74")
    short = next_size_text(due, language)
    long = next_size_text(due, language, name_present=True)
    assert "80" in short
    assert "74" not in short
    assert long.index("74") < long.index("80")
    named = SizeAdvice("advised", "74", ("74",), next_size=due)
    assert short in size_message(named, [], language)
    unnamed = SizeAdvice("not_enough_information", next_size=due)
    assert long in size_message(unnamed, [], language)


def test_an_estimated_chart_rests_on_what_buyers_kept(languages):
    kept = ("kept", "behalten", "quedaron", "gardé", "返品されなかった", "留下")
    for tag, word in zip(("en", "de", "es", "fr", "ja", "zh_CN"), kept, strict=True):
        assert word in chart_notice(languages.choose(tag))


def test_plurals_follow_the_language(languages):
    english, german = languages.choose("en"), languages.choose("de")
    assert "1 buyer of" in because_text(Because("crowd", {"n": 1}), english)
    assert "5 buyers of" in because_text(Because("crowd", {"n": 5}), english)
    assert "1 Person," in because_text(Because("crowd", {"n": 1}), german)
    assert "5 Personen," in because_text(Because("crowd", {"n": 5}), german)


def test_a_reason_of_a_newer_model_has_no_text(languages):
    assert because_text(Because("phase_of_the_moon"), languages.choose("en")) is None


def test_message_is_advice_then_reasons_then_question(languages):
    advice = SizeAdvice("between_sizes", "M", ("M", "L"), because=BECAUSE, ask_next="hip_cm")
    english = languages.choose("en")
    told = (Because("measurements", {"label": "M"}), RUNS_SMALL, Because("market_average"))
    reasons = [None, *(because_text(because, english) for because in told)]
    assert size_message(advice, reasons, english) == (
        "You are between sizes M and L; we suggest M. Your measurements point to size M. "
        "Buyers of this product told us it runs small: 31 of 92. "
        "If you tell us your hip measurement, we can advise you better."
    )


@pytest.mark.parametrize(
    ("asked", "tag", "another"),
    [
        (None, "en", False),
        ("de", "de", False),
        ("de-AT", "de", False),
        ("de_AT.UTF-8", "de", False),
        ("DE-at", "de", False),
        ("en-GB-oxendict", "en", False),
        ("zh", "zh_CN", False),
        ("zh-Hans-SG", "zh_CN", False),
        ("zh-TW", "zh_CN", True),
        ("zh-Hant", "zh_CN", True),
        ("pt-BR", "en", True),
        ("xx", "en", True),
    ],
)
def test_the_nearest_language_answers_and_says_when_it_is_another(languages, asked, tag, another):
    language = languages.choose(asked)
    assert language.tag == tag
    assert (language.asked is not None) is another
    if another:
        assert asked in locale_notice(language)


@pytest.mark.parametrize("asked", ["", "not a locale", "1", "de-", "e", "../../etc", "d" * 36, "é"])
def test_what_is_no_language_tag_is_refused(languages, asked):
    with pytest.raises(LocaleSyntaxError, match="not a language tag"):
        languages.choose(asked)


def test_a_missing_language_is_answered_in_english_with_a_notice(app):
    answer = ask(app, body={"product_id": "dress", "locale": "pt-BR"}).json
    assert answer["locale"] == "en"
    assert [notice["code"] for notice in answer["notices"]] == ["locale_not_available"]
    assert ask(app, body={"product_id": "dress", "locale": "ja-JP"}).json["notices"] == []


def write_catalogue(root, tag, name, sentence, text):
    folder = root / tag / "LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    entry = f'msgid "{sentence}"\nmsgstr "{text}"\n'
    (folder / name).write_text(header + entry, "utf-8")


def test_a_catalogue_with_another_language_is_read(tmp_path):
    for tag, text in (("en", "We recommend size {size}."), ("nl", "Wij raden maat {size} aan.")):
        write_catalogue(tmp_path, tag, "muslin.po", "We recommend size {size}.", text)
    language = Languages(tmp_path).choose("nl-BE")
    assert size_message(ADVICE["advised"], [], language) == "Wij raden maat M aan."


def test_all_files_of_a_language_are_read_as_one(tmp_path):
    write_catalogue(tmp_path, "en", "muslin.po", "yes", "yes")
    write_catalogue(tmp_path, "de", "muslin.po", "yes", "ja")
    write_catalogue(tmp_path, "de", "return_risk.po", "no", "nein")
    language = Languages(tmp_path).choose("de")
    assert (language.say("yes"), language.say("no")) == ("ja", "nein")

    write_catalogue(tmp_path, "de", "return_risk.po", "yes", "ja")
    assert Languages(tmp_path).choose("de").say("yes") == "ja"
    write_catalogue(tmp_path, "de", "return_risk.po", "yes", "jawohl")
    with pytest.raises(CatalogueError, match=r"muslin\.po and .*return_risk\.po translate 'yes'"):
        Languages(tmp_path)


def test_without_english_nothing_starts(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"en/LC_MESSAGES/muslin\.po"):
        Languages(tmp_path)
