"""Any text of a file gives a value or the documented error, which names the file; nothing hangs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.policies import PolicyError
from data_contracts.policies.reading import read_policy
from data_contracts.policies.rulebook import STARTING
from features.settings import Settings, SettingsError
from pipelines.importers.mapping import EXAMPLE, Mapping, MappingError, load_mapping
from pipelines.monitor.limits import LimitsError, ModelLimits, read_limits
from tests.fuzz.effort import lean
from tests.fuzz.texts import DEAR, files, values

LEAN = lean(60)
MAPPING = EXAMPLE.read_text("utf-8")
LIMITS = """
version: 1
false_alarms: 0.02
fewest: {lines: 100}
drift:
  psi: 0.3
  features: 2
calibration:
  gap: null
models:
  size_fit:
    advice:
      coverage_short: 0.03
"""
SETTINGS = """
tracking_uri: sqlite:///a.db
state_url: state.db
port: 3001
workers: 2
max_items: 100
traces: off
keys: on
cors_origins: [https://shop.example]
log_level: INFO
policy_dir: policies
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("files") / "written.yaml"


@pytest.fixture
def bare(monkeypatch):
    for name in Settings().environment():
        monkeypatch.delenv(name, raising=False)


def _refusal(read, error):
    """The message of the documented error; None where the file was read."""
    try:
        read()
    except error as refused:
        return str(refused)
    return None


def _mapping(path):
    said = _refusal(lambda: load_mapping(path), MappingError)
    assert said is None or str(path) in said


def _limits(path):
    said = _refusal(lambda: read_limits(path).of("size_fit"), LimitsError)
    assert said is None or all(line.startswith(str(path)) for line in said.splitlines())


def _settings(path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUSLIN_CONFIG", str(path))
        said = _refusal(Settings.load, SettingsError)
    assert said is None or (str(path) in said and len(said) < 20_000)


def _policy(path):
    said = _refusal(lambda: read_policy(path), PolicyError)
    assert said is None or all(str(path) in line for line in said.splitlines())


@LEAN
@given(text=files(MAPPING, {*Mapping.model_fields, "columns", "from", "products"}))
def test_any_text_is_a_mapping_or_its_error(file, text):
    file.write_text(text, "utf-8", errors="replace")
    _mapping(file)


@LEAN
@given(text=files(LIMITS, {*ModelLimits.model_fields, "version", "models"}))
def test_any_text_is_a_file_of_limits_or_its_error(file, text):
    file.write_text(text, "utf-8", errors="replace")
    _limits(file)


@LEAN
@given(text=files(SETTINGS, Settings.model_fields))
@pytest.mark.usefixtures("bare")
def test_any_text_is_a_file_of_settings_or_its_error(file, text):
    file.write_text(text, "utf-8", errors="replace")
    _settings(file)


@LEAN
@given(text=files(STARTING[0].read_text("utf-8")[:3_000]))
def test_any_text_is_a_policy_or_its_error(file, text):
    file.write_text(text, "utf-8", errors="replace")
    _policy(file)


@LEAN
@given(raw=st.binary(max_size=60))
@pytest.mark.usefixtures("bare")
def test_any_bytes_are_read_or_refused(file, raw):
    file.write_bytes(raw)
    for read in (_mapping, _limits, _settings, _policy):
        read(file)


@pytest.mark.parametrize("name", DEAR)
@pytest.mark.usefixtures("bare")
def test_what_is_dear_to_read_is_refused_by_every_reader(file, name):
    file.write_text(DEAR[name], "utf-8")
    for read, error in (
        (load_mapping, MappingError),
        (read_limits, LimitsError),
        (read_policy, PolicyError),
    ):
        with pytest.raises(error, match=r"written\.yaml"):
            read(file)
    _settings(file)


@LEAN
@given(
    name=st.sampled_from(sorted(Settings.model_fields)),
    value=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
    | st.sampled_from(["nan", "inf", "1e400", "-0", "9" * 400, "[]", "null", "*", "on", "off"]),
)
@pytest.mark.usefixtures("bare")
def test_any_value_in_the_environment_is_a_setting_or_named(name, value):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"MUSLIN_{name.upper()}", value)
        said = _refusal(Settings.load, SettingsError)
    assert said is None or name in said


@LEAN
@given(value=values(Settings.model_fields))
@pytest.mark.usefixtures("bare")
def test_settings_survive_their_own_environment(value):
    try:
        given_ = Settings.load(**value) if isinstance(value, dict) else Settings.load(port=value)
    except (SettingsError, TypeError):  # a name that is no text
        return
    with pytest.MonkeyPatch.context() as patch:
        for name, text in given_.environment().items():
            patch.setenv(name, text)
        assert Settings.load() == given_
