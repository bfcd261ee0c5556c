import os
import sqlite3

import pytest

from features.access_store import KeyStore
from serving.access.known_keys import KnownKeys


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def a_second(self):
        self.now += 1.0


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.db"


@pytest.fixture
def settings(settings, path):
    return settings.model_copy(update={"keys_url": str(path)})


def add(path, **options):
    with KeyStore(path) as store:
        return store.add("webshop", ["storefront"], now=0.0, **options)[0]


def revoke(path, key):
    with KeyStore(path) as store:
        store.revoke(key.id, now=1.0)


def found(known, key):
    caller = known.find(key.id.encode())
    return caller and caller.key


def test_what_others_write_is_known_within_a_second(settings, path, clock):
    known = KnownKeys(settings, clock)
    assert known.find(b"nobody") is None
    assert len(known) == 0
    one = add(path)
    clock.a_second()
    assert found(known, one) == one
    two = add(path)
    clock.a_second()
    assert found(known, two) == two
    revoke(path, one)
    clock.a_second()
    assert found(known, one).revoked == 1.0
    assert found(known, two) == two


def test_between_two_looks_no_file_is_touched(settings, path, clock, monkeypatch):
    key = add(path)
    known = KnownKeys(settings, clock)
    assert found(known, key) == key

    def touched(*_):
        raise AssertionError("a file was touched")

    monkeypatch.setattr(os, "stat", touched)
    monkeypatch.setattr(KeyStore, "changed", touched)
    for _ in range(100):
        clock.now += 0.004
        assert found(known, key) == key
    clock.a_second()
    with pytest.raises(AssertionError):
        found(known, key)


def test_a_file_put_in_its_place_is_seen(settings, path, clock, tmp_path):
    old = add(path)
    known = KnownKeys(settings, clock)
    assert found(known, old)
    new = add(tmp_path / "copy.db")
    (tmp_path / "copy.db").replace(path)
    clock.a_second()
    assert found(known, new) == new
    assert found(known, old) is None
    path.unlink()
    clock.a_second()
    assert found(known, new) is None


def test_a_file_that_cannot_be_read_leaves_the_keys_as_they_were(settings, path, clock, caplog):
    key = add(path)
    known = KnownKeys(settings, clock)
    assert found(known, key)
    whole = path.read_bytes()
    (path.parent / "broken.db").write_bytes(b"broken" * 1000)
    (path.parent / "broken.db").replace(path)
    for _ in range(5):
        clock.a_second()
        assert found(known, key) == key
    assert len(caplog.records) == 1
    assert "keys stay as they were known last" in caplog.text
    (path.parent / "whole.db").write_bytes(whole)
    (path.parent / "whole.db").replace(path)
    revoke(path, key)
    clock.a_second()
    assert found(known, key).revoked == 1.0


def test_a_writer_in_the_middle_of_its_work_locks_nobody_out(settings, path, clock):
    key = add(path)
    known = KnownKeys(settings, clock)
    assert found(known, key)
    with sqlite3.connect(path) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE keys SET revoked = 1.0")
        clock.a_second()
        assert found(known, key).revoked is None
        writer.execute("COMMIT")
    writer.close()
    clock.a_second()
    assert found(known, key).revoked == 1.0


def test_who_holds_the_file_is_not_waited_for(settings, path, clock, caplog, monkeypatch):
    key = add(path)
    known = KnownKeys(settings, clock)
    assert found(known, key)
    waits = []
    connect = sqlite3.connect

    def connected(*args, **options):
        waits.append(options["timeout"])
        return connect(*args, **options)

    with sqlite3.connect(path) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("UPDATE keys SET revoked = 1.0")
        monkeypatch.setattr(sqlite3, "connect", connected)
        for _ in range(3):  # by a connection that was open, and by new ones
            clock.a_second()
            assert found(known, key).revoked is None
        monkeypatch.undo()
        assert waits == [0.0] * len(waits)
        assert waits
        assert "keys stay as they were known last" in caplog.text
        writer.execute("COMMIT")
    writer.close()
    clock.a_second()
    assert found(known, key).revoked == 1.0


def test_what_a_key_has_left_outlives_a_change_of_other_keys(settings, path, clock):
    key = add(path, rate=1.0, burst=2.0)
    known = KnownKeys(settings, clock)
    bucket = known.find(key.id.encode()).bucket
    add(path)
    clock.a_second()
    assert known.find(key.id.encode()).bucket is bucket


def admitted(caller):
    taken = 0
    while taken < 100 and caller.bucket.take(1) == 0.0:
        taken += 1
    return taken


@pytest.mark.parametrize(
    ("of_key", "of_settings", "workers", "at_once"),
    [
        ({"rate": 4.0, "burst": 12.0}, {}, 1, 12),
        ({"rate": 4.0, "burst": 12.0}, {"key_rate": 1.0, "key_burst": 1.0}, 3, 4),
        ({"rate": 4.0}, {"key_burst": 90.0}, 1, 4),
        ({}, {"key_rate": 5.0, "key_burst": 20.0}, 2, 10),
        ({}, {"key_rate": 5.0}, 1, 5),
        ({"rate": 0.1}, {}, 4, 1),
    ],
)
def test_a_worker_gives_its_share_of_a_key_s_burst(
    settings, path, clock, of_key, of_settings, workers, at_once
):
    key = add(path, **of_key)
    settings = settings.model_copy(update={**of_settings, "workers": workers})
    assert admitted(KnownKeys(settings, clock).find(key.id.encode())) == at_once


def test_without_a_limit_anywhere_there_is_none(settings, path, clock):
    key = add(path)
    assert KnownKeys(settings, clock).find(key.id.encode()).bucket is None
