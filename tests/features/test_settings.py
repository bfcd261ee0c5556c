from pathlib import Path

import pytest

from features.settings import Settings, SettingsError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in (*Settings().environment(), "MUSLIN_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def config(tmp_path, monkeypatch):
    path = tmp_path / "muslin.yaml"
    monkeypatch.setenv("MUSLIN_CONFIG", str(path))
    return path


def test_defaults_need_no_server():
    settings = Settings.load()
    assert settings.tracking_uri.startswith("sqlite:///")
    assert settings.host == "127.0.0.1"
    assert settings.workers == 1


def test_arguments_win_over_environment_over_file(config, monkeypatch):
    config.write_text("port: 4001\nworkers: 2\nchampion_dir: /data/champion\n")
    assert Settings.load().port == 4001
    monkeypatch.setenv("MUSLIN_PORT", "4002")
    settings = Settings.load()
    assert (settings.port, settings.workers) == (4002, 2)
    assert settings.champion_dir == Path("/data/champion")
    assert Settings.load(port=4003).port == 4003


@pytest.mark.parametrize("policy_dir", [None, "/data/policies"])
def test_environment_gives_another_process_the_same(monkeypatch, policy_dir):
    settings = Settings.load(
        port=4010,
        champion_dir="/data/c",
        registry_timeout_s=2.5,
        policy_dir=policy_dir,
        follow=False,
    )
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.load() == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "http"),
        ("WORKERS", "-1"),
        ("LOG_LEVEL", "LOUD"),
        ("HOST", ""),
        ("AUDIT_RETENTION_DAYS", "0"),
        ("HORIZON_HOURS", "0"),
        ("HORIZON_HOURS", "inf"),
        ("FOLLOW", "perhaps"),
    ],
)
def test_a_bad_variable_is_named_with_its_value(monkeypatch, name, value):
    monkeypatch.setenv(f"MUSLIN_{name}", value)
    with pytest.raises(SettingsError, match=f"(?m)^{name.lower()} = {value!r}: "):
        Settings.load()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot: 4001\n", r"prot = 4001: .*known settings: .*port"),
        ("- 1\n", r"muslin\.yaml' cannot be read"),
        ("a: [\n", r"muslin\.yaml' cannot be read"),
    ],
)
def test_a_bad_file_is_named(config, text, message):
    config.write_text(text)
    with pytest.raises(SettingsError, match=message):
        Settings.load()


def test_a_missing_file_is_named(config):
    with pytest.raises(SettingsError, match=r"MUSLIN_CONFIG names .*which is not a file"):
        Settings.load()


@pytest.mark.parametrize("word", ["on", "'on'", "auto"])
def test_keys_can_be_switched_on_in_a_file_as_one_would_write_it(config, word):
    config.write_text(f"keys: {word}\n")  # YAML reads on as true
    assert Settings.load().keys == word.strip("'")


def test_a_list_is_written_with_commas_in_the_environment_and_as_a_list_in_a_file(
    config, monkeypatch
):
    origins = ("https://shop.example", "http://localhost:8000", "https://[::1]")
    monkeypatch.setenv("MUSLIN_CORS_ORIGINS", ", ".join(origins))
    config.write_text("")
    assert Settings.load().cors_origins == origins
    for name, value in Settings.load().environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.load().cors_origins == origins
    monkeypatch.setenv("MUSLIN_CORS_ORIGINS", "")
    assert Settings.load().cors_origins == ()
    monkeypatch.delenv("MUSLIN_CORS_ORIGINS")
    config.write_text("cors_origins: [https://shop.example]\n")
    assert Settings.load().cors_origins == ("https://shop.example",)


@pytest.mark.parametrize(
    "origin", ["*", "shop.example", "https://shop.example/", "https://Shop.example", "null"]
)
def test_what_no_browser_sends_as_origin_is_refused(monkeypatch, origin):
    monkeypatch.setenv("MUSLIN_CORS_ORIGINS", f"https://one.example,{origin}")
    with pytest.raises(SettingsError, match="is not an origin as browsers send it"):
        Settings.load()
