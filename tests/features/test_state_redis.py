"""What holds for the online state in Redis alone: the server, the network, the URL."""

import contextlib
import socket
import threading

import pytest
import redis

from features.state import StateError
from features.state_redis import RedisState
from tests.servers import ENCODED, PASSWORD, redis_server, wanted

ITEMS = {"a": b"1", "b": b"", "c": bytes(range(256))}


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


def prefix_of(url):
    return url.rpartition("=")[2]


def test_shops_of_one_server_do_not_meet(redis_state_url):
    with RedisState(redis_state_url) as mine, RedisState(redis_state_url + "2") as other:
        mine.replace([("a", b"mine")], {"seq": "1"})
        other.replace([("a", b"other")], {})
        assert mine.get_many(["a"]) == {"a": b"mine"}
        assert other.meta() == {}
        assert mine.changed()
        other.put_many([], {"seq": "2"})
        assert not mine.changed()


@pytest.mark.parametrize("break_off", [True, False])
def test_a_replace_leaves_no_key_behind(redis_state_url, client, break_off):
    def items():
        yield from ((f"key {i}", b"v") for i in range(2500))
        if break_off:
            raise RuntimeError

    with RedisState(redis_state_url) as state:
        state.replace(ITEMS.items(), {"seq": "1"})
        with contextlib.suppress(RuntimeError):
            state.replace(items(), {"seq": "2"})
    prefix = prefix_of(redis_state_url)
    left = set(client.scan_iter(f"*{prefix}*"))
    assert left == {f"{prefix}:{name}".encode() for name in ("state", "meta", "version")}
    assert all(client.ttl(key) == -1 for key in left)


def test_a_new_content_that_the_server_dropped_does_not_take_the_place_of_the_old(
    redis_state_url, client
):
    def items():
        yield from ((f"key {i}", b"v") for i in range(2000))
        for key in client.scan_iter(f"{prefix_of(redis_state_url)}:filling:*"):
            client.delete(key)

    with RedisState(redis_state_url) as state:
        state.replace(ITEMS.items(), {"seq": "1"})
        with pytest.raises(StateError, match="dropped the new content"):
            state.replace(items(), {"seq": "2"})
        assert state.get_many([*ITEMS]) == ITEMS
        assert state.meta() == {"seq": "1"}


def test_a_wrong_password_is_told_of_with_the_address_and_without_the_password(redis_url):
    host, port = "127.0.0.1", redis_url.rpartition(":")[2].partition("/")[0]
    with pytest.raises(StateError, match=f"{host}:{port} cannot be opened .*password") as caught:
        RedisState(redis_url.replace(ENCODED, "wr0ng%20one"))
    assert "wr0ng" not in str(caught.value)
    with RedisState(redis_url) as state:
        assert PASSWORD not in state.where


def test_a_server_that_is_not_there_is_named(free_port):
    with pytest.raises(StateError, match=rf"127\.0\.0\.1:{free_port} cannot be opened .*refused"):
        RedisState(f"redis://:secret@127.0.0.1:{free_port}/0")


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_server_that_does_not_answer_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(StateError, match=rf"127\.0\.0\.1:{port} cannot be opened .*[Tt]imeout"):
            RedisState(f"redis://127.0.0.1:{port}/0?socket_timeout=0.1")


def test_a_server_that_goes_is_told_of():
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(wanted(redis_server()))
        state = stack.enter_context(RedisState(url))
        state.replace(ITEMS.items(), {})
        stack.pop_all().close()
    with state:
        for ask in (
            lambda: state.get_many(["a"]),
            state.meta,
            state.changed,
            lambda: state.put_many([("a", b"1")], {}),
            lambda: state.replace(ITEMS.items(), {}),
        ):
            with pytest.raises(StateError, match=r"127\.0\.0\.1:\d+ cannot be (read|written)"):
                ask()


def test_a_connection_that_the_server_closed_is_opened_anew(redis_state_url, client):
    with RedisState(redis_state_url) as state:
        state.replace(ITEMS.items(), {"seq": "1"})
        for each in client.client_list():
            if int(each["id"]) != client.client_id():
                client.client_kill_filter(_id=each["id"])
        assert state.get_many(["a"]) == {"a": b"1"}
        assert state.meta() == {"seq": "1"}


def test_an_error_of_the_server_does_not_quote_values(redis_state_url, client):
    with RedisState(redis_state_url) as state:
        client.set(f"{prefix_of(redis_state_url)}:state", "something else")
        with pytest.raises(StateError, match="WRONGTYPE") as caught:
            state.put_many([("anna@example.org", b"measurements")], {})
        assert "anna" not in str(caught.value)
        with pytest.raises(StateError, match=r"cannot be read .WRONGTYPE"):
            state.get_many(["a"])


class OldServer:
    """Answers as Redis of another version does, as far as it is asked here."""

    def __init__(self, version):
        self.version = version
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.socket.close()

    def serve(self):
        info = f"redis_version:{self.version}\r\n"
        answer = f"${len(info)}\r\n{info}\r\n".encode()
        connection, _ = self.socket.accept()
        with connection:
            while asked := connection.recv(65536):
                for command in asked.split(b"*")[1:]:
                    connection.sendall(answer if b"INFO" in command.split() else b"+OK\r\n")


@pytest.mark.parametrize("version", ["6.2.14", "2.8"])
def test_an_old_server_is_refused(version):
    with OldServer(version) as server:
        url = f"redis://127.0.0.1:{server.port}/0?protocol=2"
        with pytest.raises(StateError, match=f"is version {version}; .* needs 7 or later"):
            RedisState(url)


def test_a_server_that_may_drop_the_state_is_warned_of(redis_state_url, client, caplog):
    before = client.config_get("maxmemory-policy")["maxmemory-policy"]
    try:
        client.config_set("maxmemory-policy", "allkeys-lru")
        RedisState(redis_state_url).close()
    finally:
        client.config_set("maxmemory-policy", before)
    (record,) = caplog.records
    assert "allkeys-lru" in record.getMessage()
    caplog.clear()
    RedisState(redis_state_url).close()
    assert not caplog.records


@pytest.mark.parametrize(
    "url",
    [
        "redis://:pa/ss@127.0.0.1:6379/0",
        "redis://:secret@127.0.0.1:port/0",
        "redis://:secret@127.0.0.1:6379/shop",
        "redis://:secret@127.0.0.1:6379/0?socket_timeout=soon",
        "redis://:secret@127.0.0.1:99999/0",
        "redis://:secret@127.0.0.1:6379/0?prefix",
        "http://:secret@127.0.0.1/",
    ],
)
def test_a_url_that_cannot_be_used_is_not_quoted(url):
    with pytest.raises(StateError, match=r"should be like redis://user:password@host") as caught:
        RedisState(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_unknown_option_is_named(redis_url):
    with pytest.raises(StateError, match=r"option that redis-py does not know .*'prefi'"):
        RedisState(f"{redis_url}?prefi=x")
