import os

import pytest
from typer.testing import CliRunner

from features.access_keys import digest_of, read_key_text
from features.access_store import KeyStore
from pipelines.cli import app

DAY = 86_400.0


@pytest.fixture
def path(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("MUSLIN_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUSLIN_KEYS_URL", str(tmp_path / "my" / "keys.db"))
    monkeypatch.setenv("COLUMNS", "160")  # a narrow terminal cuts names short
    return tmp_path / "my" / "keys.db"


def muslin(*words):
    return CliRunner().invoke(app, ["keys", *map(str, words)])


def keys(path):
    with KeyStore(path, readonly=True) as store:
        return store.all()


def refused(result, *words):
    assert result.exit_code == 2, result.output
    said = " ".join(result.stderr.split())
    assert said.startswith("error:")
    assert all(word in said for word in words), said
    assert "Traceback" not in result.output


def test_a_new_key_is_all_that_goes_to_standard_output(path):
    done = muslin("add", "webshop", "--scope", "storefront")
    assert done.exit_code == 0
    (text,) = done.stdout.splitlines()
    (key,) = keys(path)
    key_id, secret = read_key_text(text.encode())
    assert key_id.decode() == key.id
    assert digest_of(secret) == key.digest
    assert (key.name, key.scopes, key.expires, key.rate) == ("webshop", ("storefront",), None, None)
    assert "shown only now" in done.stderr
    assert text not in done.stderr


def test_a_key_has_the_rights_it_was_given(path):
    done = muslin(
        *("add", "desk [1]", "--scope", "desk", "--scope", "storefront"),
        *("--expires-days", 30, "--rate", 2.5, "--burst", 40),
    )
    assert done.exit_code == 0
    (key,) = keys(path)
    assert key.scopes == ("storefront", "desk")
    assert key.expires - key.created == pytest.approx(30 * DAY)
    assert (key.rate, key.burst) == (2.5, 40)


def test_the_list_tells_every_key_and_no_secret(path):
    shop = muslin("add", "web[shop]", "--scope", "storefront", "--rate", 20).stdout.strip()
    old = muslin("add", "loader", "--scope", "events").stdout.strip()
    gone = muslin("add", "gone", "--scope", "admin").stdout.strip()
    new = muslin("rotate", old.split("_")[1], "--grace-hours", 2).stdout.strip()
    assert muslin("revoke", gone.split("_")[1]).exit_code == 0
    done = muslin("list")
    assert done.exit_code == 0
    rows = {line.split()[1]: line for line in done.stdout.splitlines() if "│" in line}
    assert {text.split("_")[1] for text in (shop, old, gone, new)} <= rows.keys()
    assert "web[shop]" in rows[shop.split("_")[1]]
    assert "20" in rows[shop.split("_")[1]]
    assert f"replaced by {new.split('_')[1]}" in rows[old.split("_")[1]]
    assert "revoked" in rows[gone.split("_")[1]]
    assert "active" in rows[new.split("_")[1]]
    for text in (shop, old, gone, new):
        assert text.split("_", 2)[2][:12] not in done.output


def test_rotation_shows_the_new_key_and_when_the_old_one_ends(path):
    old = muslin("add", "loader", "--scope", "events").stdout.strip()
    done = muslin("rotate", old.split("_")[1], "--grace-hours", 48)
    assert done.exit_code == 0
    first, second = keys(path)
    assert read_key_text(done.stdout.strip().encode())[0].decode() == second.id
    assert first.replaced_by == second.id
    assert first.expires - second.created == pytest.approx(2 * DAY)
    assert f"key {first.id} ends at" in done.stderr
    refused(muslin("rotate", first.id), "replaced by", second.id)


def test_what_cannot_be_is_bad_input(path):
    refused(muslin("list"), "there are no keys at", "muslin keys add NAME")
    assert not path.exists()
    refused(muslin("add", "webshop", "--scope", "sales"), "no scope 'sales'", "storefront")
    refused(muslin("add", "webshop", "--scope", "desk", "--burst", 3), "--burst needs --rate")
    refused(muslin("add", "webshop", "--scope", "desk", "--rate", 0), "--rate 0", "such as 20")
    refused(muslin("add", "webshop", "--scope", "desk", "--rate", 5, "--burst", 0.5), "--burst 0.5")
    refused(muslin("revoke", "0000000000"), "no key '0000000000'", "muslin keys list")
    refused(muslin("rotate", "0000000000"), "no key '0000000000'")
    assert muslin("add", "webshop").exit_code == 2
    assert muslin("add", "webshop", "--scope", "desk", "--expires-days", 0).exit_code == 2
    assert keys(path) == []


def test_a_place_that_cannot_be_used_is_named(path, monkeypatch):
    monkeypatch.setenv("MUSLIN_KEYS_URL", "/proc/keys/keys.db")
    refused(muslin("add", "webshop", "--scope", "desk"), "/proc/keys", "MUSLIN_KEYS_URL")
    monkeypatch.setenv("MUSLIN_KEYS_URL", "redis://me:secret@host/1")
    done = muslin("add", "webshop", "--scope", "desk")
    refused(done, "SQLite file")
    assert "secret" not in done.output
