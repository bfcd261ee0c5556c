"""Coverage-guided fuzzing of the size parser and of measures written as text, by atheris.

    python tests/fuzz/fuzz_sizes.py -max_total_time=1800

Flags are libFuzzer's. The first input that breaks a property ends the run and is written to
``crash-*``; ``--collect FOLDER`` writes each kind of failure there once and goes on; that the
folder is empty in the end means that nothing was found. A file given alone is replayed. atheris is
a tool for developers on Linux (`pip install atheris`); what it found lives on in
``test_fuzz_sizes.py``.
"""

import sys
import tempfile
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import atheris  # noqa: E402

with atheris.instrument_imports(include=["features", "data_contracts"]):
    from tests.fuzz import size_properties as holds

LONGEST = 64
MEASURES = sorted(holds.MEASURES)


def _take(data, choices):
    return data.PickValueInList(list(choices))


def one_input(raw: bytes) -> None:
    """Ask one of the readers what the bytes say; the first byte picks which."""
    data = atheris.FuzzedDataProvider(raw)
    which = data.ConsumeIntInRange(0, 31)
    if which < 14:
        who, kind = _take(data, holds.AUDIENCE_CHOICES), _take(data, holds.FAMILY_CHOICES)
        market, system = _take(data, holds.MARKETS), _take(data, (None, *holds.SYSTEMS))
        siblings = [_text(data, 8) for _ in range(data.ConsumeIntInRange(0, 3))]
        holds.check_label(_text(data), who, kind, market, system, siblings)
    elif which < 20:
        text = _text(data)
        holds.check_forms(text)
        holds.check_label(text)
    elif which < 23:
        holds.check_product([_text(data, 12) for _ in range(data.ConsumeIntInRange(1, 6))])
    elif which < 26:
        holds.check_category(_text(data), _take(data, holds.AUDIENCE_CHOICES))
    elif which < 31:
        name = _take(data, MEASURES)
        unit = _take(data, (None, *holds.units_of(holds.MEASURES[name][2])))
        holds.check_measure(_text(data), name, unit)
    else:
        holds.check_cells([_text(data, 24) for _ in range(data.ConsumeIntInRange(1, 4))])


def _text(data, most: int = LONGEST) -> str:
    """Half the time well-formed UTF-8 of the input, so that seeds and words can be spliced in."""
    if data.ConsumeBool():
        return data.ConsumeBytes(data.ConsumeIntInRange(0, most)).decode("utf-8", "replace")
    return data.ConsumeUnicodeNoSurrogates(data.ConsumeIntInRange(0, most))


class Collector:
    """Writes each kind of failure once, told by where it was raised and why, and goes on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, raw: bytes) -> None:
        try:
            one_input(raw)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            why = "".join(c if c.isalnum() else "_" for c in str(error))[:40]
            place = f"{type(error).__name__}-{Path(last.filename).stem}-{last.lineno}-{why}"
            if place not in self.seen:
                self.seen.add(place)
                (self.folder / place).write_bytes(raw)
                (self.folder / f"{place}.txt").write_text(traceback.format_exc())
                print(f"found: {place}: {error}", file=sys.stderr)  # noqa: T201


def words() -> list[str]:
    """Labels of every table and words of the vocabulary, for the dictionary."""
    labels = {label for table in holds.all_tables().values() for label in table.labels}
    units = "cm mm in ft kg lb st oz jin m ' \" years months 1/2 ½ 号 码 W L UK EU US FR IT"
    return sorted(labels | set(units.split()))


def prepare(folder: Path) -> list[str]:
    """A dictionary and a corpus of real labels; returns the flags that name them."""
    corpus = folder / "corpus"
    corpus.mkdir()
    lines = ['"' + "".join(f"\\x{b:02x}" for b in word.encode()) + '"' for word in words()]
    (folder / "words.dict").write_text("\n".join(lines) + "\n")
    for number, word in enumerate(words()):
        # FuzzedDataProvider reads numbers from the end, text from the start.
        (corpus / f"{number}").write_bytes(word.encode() + bytes([len(word.encode()), 1, 16]))
    return [f"-dict={folder / 'words.dict'}", str(corpus)]


def main() -> None:
    """Read our own flag, hand the others to libFuzzer."""
    arguments = sys.argv[1:]
    target = one_input
    if "--collect" in arguments:
        at = arguments.index("--collect")
        target = Collector(Path(arguments[at + 1]))
        del arguments[at : at + 2]
    flags = [sys.argv[0], "-timeout=20", "-max_len=256", "-len_control=0", *arguments]
    with tempfile.TemporaryDirectory(prefix="muslin-fuzz-") as folder:
        if not any(Path(argument).is_file() for argument in arguments):
            flags += prepare(Path(folder))
        atheris.Setup(flags, target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
