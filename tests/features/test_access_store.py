import sqlite3
import stat
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.access_keys import SCOPES, digest_of, new_key_text, read_key_text
from features.access_store import KeyStore, KeyStoreError

DAY = 86_400.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "var" / "keys.db"


@pytest.fixture
def store(path):
    with KeyStore(path) as store:
        yield store


def test_a_key_s_text_gives_back_its_id_and_what_is_kept_of_its_secret():
    for _ in range(50):  # a secret may hold the underscore that parts the text
        key_id, text, digest = new_key_text()
        told_id, secret = read_key_text(text.encode())
        assert told_id == key_id.encode()
        assert digest_of(secret) == digest
        assert len(secret) == 43


@given(st.binary(max_size=80))
def test_what_is_no_key_is_told_from_one(text):
    assert read_key_text(text) is None


def test_every_key_is_another():
    texts = {new_key_text()[1] for _ in range(1000)}
    assert len(texts) == 1000


def test_a_secret_is_nowhere_in_the_file(store, path):
    key, text = store.add("webshop", ["storefront"], now=1.0)
    _, secret = read_key_text(text.encode())
    content = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert key.id.encode() in content
    assert digest_of(secret) in content
    assert secret not in content
    assert secret[:20] not in content


def test_what_was_added_is_read_back(store, path):
    one, _ = store.add(" webshop ", ["desk", "storefront"], now=1.0, expires=9.0, rate=2.5, burst=7)
    two, _ = store.add("loader", {"events"}, now=2.0)
    assert (one.name, one.scopes) == ("webshop", ("storefront", "desk"))
    assert (two.rate, two.burst, two.expires) == (None, None, None)
    with KeyStore(path, readonly=True) as other:
        assert other.all() == [one, two]


def test_a_key_ends_when_it_expires_or_is_revoked(store):
    key, _ = store.add("webshop", SCOPES, now=1.0, expires=9.0)
    assert [key.state(now) for now in (1.0, 8.9, 9.0)] == ["active", "active", "expired"]
    revoked = store.revoke(key.id, now=3.0)
    assert revoked == replace(key, revoked=3.0)
    assert revoked.state(3.0) == "revoked"
    assert store.revoke(key.id, now=4.0) == revoked  # when it ended stays known
    assert store.all() == [revoked]


def test_rotation_gives_the_same_rights_and_lets_the_old_key_end(store):
    key, text = store.add("webshop", ["desk"], now=0.0, expires=90 * DAY, rate=3, burst=5)
    old, new, new_text = store.rotate(key.id, now=80 * DAY, grace_s=DAY)
    assert new_text != text
    assert (new.name, new.scopes, new.rate, new.burst) == ("webshop", ("desk",), 3, 5)
    assert new.digest != old.digest
    assert new.expires == 170 * DAY  # as long as the old one was made for
    assert (old.expires, old.replaced_by) == (81 * DAY, new.id)
    assert [old.state(day * DAY) for day in (80.5, 81)] == ["replaced", "expired"]
    assert store.all() == [old, new]


def test_a_grace_time_does_not_make_a_key_live_longer(store):
    key, _ = store.add("webshop", ["desk"], now=0.0, expires=DAY)
    old, _, _ = store.rotate(key.id, now=DAY / 2, grace_s=7 * DAY)
    assert old.expires == DAY


def test_a_key_that_has_ended_is_not_rotated(store):
    key, _ = store.add("webshop", ["desk"], now=0.0)
    old, new, _ = store.rotate(key.id, now=1.0, grace_s=10.0)
    with pytest.raises(KeyStoreError, match=f"replaced by {new.id} already"):
        store.rotate(old.id, now=2.0, grace_s=10.0)
    with pytest.raises(KeyStoreError, match="is expired; make a new one"):
        store.rotate(old.id, now=20.0, grace_s=10.0)
    store.revoke(new.id, now=3.0)
    with pytest.raises(KeyStoreError, match="is revoked; make a new one"):
        store.rotate(new.id, now=4.0, grace_s=10.0)
    assert len(store.all()) == 2


def test_what_cannot_be_is_refused(store):
    with pytest.raises(KeyStoreError, match="there is no scope 'sales'; there is storefront, desk"):
        store.add("webshop", ["storefront", "sales"], now=0.0)
    with pytest.raises(KeyStoreError, match="a key needs a scope"):
        store.add("webshop", [], now=0.0)
    for name in (" ", "two\nlines", "x" * 81):
        with pytest.raises(KeyStoreError, match="cannot be named"):
            store.add(name, ["desk"], now=0.0)
    for do in (store.revoke, lambda key_id, now: store.rotate(key_id, now=now, grace_s=1.0)):
        with pytest.raises(KeyStoreError, match=r"there is no key 'nobody'.*muslin keys list"):
            do("nobody", now=0.0)
    assert store.all() == []


def test_only_the_owner_may_read_the_file(store, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    before = path.read_bytes()
    for readonly in (False, True):
        with pytest.raises(KeyStoreError, match=r"other\.db is another file"):
            KeyStore(path, readonly=readonly)
    assert path.read_bytes() == before
    path.write_bytes(b"no database at all, and long enough to be looked at" * 40)
    with pytest.raises(KeyStoreError, match=r"other\.db cannot be opened"):
        KeyStore(path)
    with pytest.raises(KeyStoreError, match="a path that can"):
        KeyStore(path / "under" / "keys.db")
    with pytest.raises(KeyStoreError, match="kept in a SQLite file"):
        KeyStore("postgresql://user:secret@host/db")


def test_without_a_file_there_is_nothing_to_read(path):
    with pytest.raises(KeyStoreError, match=r"there are no keys at .*muslin keys add"):
        KeyStore(path, readonly=True)
    assert not path.exists()


def test_a_reader_is_told_once_that_another_wrote(store, path):
    with KeyStore(path, readonly=True) as reader:
        assert reader.changed()
        assert not reader.changed()
        key, _ = store.add("webshop", ["desk"], now=0.0)
        assert reader.changed()
        assert not reader.changed()
        store.revoke(key.id, now=1.0)
        assert reader.changed()


def test_processes_that_make_the_file_at_once_do_not_stand_in_each_other_s_way(path):
    with KeyStore(path) as one, KeyStore(path) as two:
        one.add("one", ["desk"], now=0.0)
        two.add("two", ["desk"], now=1.0)
        assert [key.name for key in one.all()] == ["one", "two"]
