"""What holds for every log of events; each test runs on SQLite and on PostgreSQL."""

import random
import subprocess
import sys
import threading
import time

import orjson
import pytest

from features.event_log import EventConflictError, NewEvent
from features.personal_events import Standing, StandingLine
from features.stores import open_event_log

WRITER = """
import sys, time
from features.event_log import NewEvent
from features.stores import open_event_log

url, name, batches, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with open_event_log(url) as log:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(batches):
        ids = [f"{name}-{number}-{part}" for part in range(size)]
        log.append([NewEvent(each, "ordered", number, each.encode()) for each in ids])
        print(*ids, flush=True)
        time.sleep(0.001)  # lets others have their turn
"""
FOREVER = 10**9


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "deep" / "events.db")
    return request.getfixturevalue("postgres_log_url")


@pytest.fixture
def log(place):
    with open_event_log(place) as log:
        yield log


def event(name, at=0, body=None, kind="ordered", customer=None):
    body = b'{"id":"%s"}' % name.encode() if body is None else body
    return NewEvent(name, kind, at, body, customer)


def line(name, customer, order="o-1", at=1, of="l-1"):
    told = {"order_line_id": of, "order_id": order, "customer_id": customer, "ordered_at": at}
    return event(name, at, orjson.dumps(told), "order_line")


def claim(name, of, at=3, return_id="r-1"):
    told = {"return_id": return_id, "order_line_id": of, "requested_at": at}
    return event(name, at, orjson.dumps(told), "return")


def about(name, at=4, kind="delivery", **ids):
    return event(name, at, orjson.dumps(ids), kind)


def ids(events):
    return [each.event_id for each in events]


def everything(log):
    return log.read(0, 10**6)


class TestEventLog:
    def test_what_was_appended_is_read_by_another_in_order(self, place, log):
        events = [event("b", 5), event("a", 7, b'{"x":1}', "returned"), event("c", -3)]
        numbers = log.append(events)
        assert numbers == sorted(numbers)
        with open_event_log(place) as other:
            found = everything(other)
        assert [each.seq for each in found] == numbers
        assert [NewEvent(e.event_id, e.kind, e.at, e.body) for e in found] == events

    def test_an_empty_log_has_no_last_number(self, log):
        assert (everything(log), log.last(), log.append([])) == ([], 0, [])

    def test_it_is_read_in_pages(self, log):
        numbers = log.append([event(f"e{i}") for i in range(10)])
        first = log.read(0, 4)
        assert ids(first) == ["e0", "e1", "e2", "e3"]
        assert ids(log.read(first[-1].seq, 4)) == ["e4", "e5", "e6", "e7"]
        assert ids(log.read(numbers[-2], 4)) == ["e9"]
        assert log.read(log.last(), 4) == []

    def test_an_event_that_is_sent_again_is_stored_once(self, log):
        (first,) = log.append([event("a")])
        again = log.append([event("a"), event("b"), event("b"), event("a")])
        assert again == [None, log.last(), None, None]
        assert ids(everything(log)) == ["a", "b"]
        assert everything(log)[0].seq == first

    @pytest.mark.parametrize(
        "other", [{"at": 2}, {"kind": "returned"}, {"body": b"{}"}, {"body": b'{"id":"a"} '}]
    )
    def test_another_event_of_the_same_id_is_refused_with_its_whole_batch(self, log, other):
        log.append([event("a", at=1)])
        changed = event("a", **{"at": 1, **other})
        with pytest.raises(EventConflictError, match="event 'a' is in the log") as caught:
            log.append([event("b"), changed, event("c")])
        assert caught.value.event_id == "a"
        with pytest.raises(EventConflictError, match="'d'"):
            log.append([event("d"), event("e"), event("d", at=5)])
        assert ids(everything(log)) == ["a"]
        log.append([event("b"), event("d")])
        assert ids(everything(log)) == ["a", "b", "d"]

    def test_between_is_by_moment_and_then_by_the_bytes_of_the_id(self, log):
        names = ["b", "a", "B", "é", "_", "Z", "a-b", "ab", "字", "10", "9"]
        log.append([event(name, at=5) for name in names])
        log.append([event("first", at=4), event("early", at=3), event("late", at=6)])
        until = log.last()
        log.append([event("unread", at=5)])
        by_bytes = sorted(names, key=str.encode)
        assert ids(log.between(3, 5, until)) == ["first", *by_bytes]
        assert ids(log.between(4, 6, until)) == [*by_bytes, "late"]
        assert ids(log.between(4, 4, until)) == []
        assert "unread" in ids(log.between(4, 5, log.last()))

    def test_a_log_keeps_every_text_and_every_byte(self, log):
        odd = ["O'Hara; DROP TABLE events", "\x1f", "%s {}", '"\\u0041', "字🧵", "é" * 256]
        events = [event(name, 2**63 - 1 - i, bytes(range(256))) for i, name in enumerate(odd)]
        assert None not in log.append(events)
        assert log.append(events) == [None] * len(odd)
        found = everything(log)
        assert ids(found) == odd
        assert {each.body for each in found} == {bytes(range(256))}
        assert found[0].at == 2**63 - 1

    def test_a_large_batch_is_stored_whole(self, log):
        events = [event(f"e{i}", at=i) for i in range(5000)]
        numbers = log.append(events)
        assert numbers == list(range(numbers[0], numbers[0] + 5000))
        assert log.append(events) == [None] * 5000
        assert log.last() == numbers[-1]

    def test_one_log_serves_several_threads(self, log):
        def write(name):
            for i in range(20):
                log.append([event(f"{name}-{i}")])
                log.read(0, 5)

        threads = [threading.Thread(target=write, args=(f"t{i}",)) for i in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(everything(log)) == 60


class TestRemoving:
    def test_a_customer_is_forgotten_by_body_and_by_what_the_sender_said(self, log):
        log.append(
            [
                event("hers", body=b'{"customer_id":"c-1","a":1}'),
                event("told", body=b'{"order_line_id":"l-1"}', customer="c-1"),
                event("longer", body=b'{"customer_id":"c-11"}'),
                event("within", body=b'{"wearer":{"customer_id":"c-1"}}'),
                event("other", body=b'["c-1"]'),
                event("none", body=b'{"customer_id":null}'),
            ]
        )
        assert log.forget_customer("c-1") == 2
        assert log.forget_customer("c-1") == 0
        assert ids(everything(log)) == ["longer", "within", "other", "none"]

    def test_what_refers_to_lines_and_claims_of_a_customer_is_forgotten_too(self, log):
        """Events come in any order, and the log may not know of a line that was ordered before."""
        log.append(
            [
                event("came back", body=b'{"return_id":"r-1","condition":"worn","note":"Zoe"}'),
                claim("claimed", "l-1"),
                event("delivered", body=b'{"order_line_id":"l-1"}'),
                line("ordered", "c-1"),
                event("decided", body=b'{"return_id":"r-2","customer_id":"c-1"}'),
                event("settled", body=b'{"return_id":"r-2"}'),
                event("of a line of before", body=b'{"order_line_id":"l-0"}'),
                event("of a claim of before", body=b'{"return_id":"r-0"}'),
                event("other line", body=b'{"order_line_id":"l-11"}'),
                event("other claim", body=b'{"return_id":"r-11"}'),
                line("other person", "c-2", of="l-3"),
                event("as a product", body=b'{"product_id":"l-1"}'),
                event("number", body=b'{"order_line_id":1}'),
                event("list", body=b'{"order_line_id":["l-1"]}'),
                event("other order", body=b'{"order_line_id":"l-2","customer_id":"c-2"}'),
            ]
        )
        assert log.forget_customer("c-1", lines=["l-0"], claims=["r-0"]) == 8
        assert log.forget_customer("c-1", lines=["l-0"], claims=["r-0"]) == 0
        left = ["other line", "other claim", "other person", "as a product", "number", "list"]
        assert ids(everything(log)) == [*left, "other order"]
        assert log.append([event("delivered", body=b'{"order_line_id":"l-1"}')]) != [None]

    @pytest.mark.parametrize(
        ("who", "left"),
        [("guest", ["arrived", "b-anna", "claimed", "settled"]), ("anna", [])],
    )
    def test_a_line_that_was_corrected_is_of_the_customer_named_last(self, log, who, left):
        """Last by the ids, for they are of one moment, and not the one that came last."""
        log.append(
            [
                about("arrived", order_line_id="l-1"),
                line("b-anna", "anna"),
                line("a-guest", "guest"),
                claim("claimed", "l-1"),
                about("settled", kind="settlement", return_id="r-1"),
            ]
        )
        assert log.forget_customer(who) == 5 - len(left)
        assert ids(everything(log)) == left

    def test_words_that_change_nothing_give_nobody_a_line_or_a_claim(self, log):
        """c-1's order took the id of c-2's line, and c-1's claim that of c-2's claim."""
        log.append(
            [
                line("hers", "c-1", order="o-1", of="l-1"),
                line("his", "c-2", order="o-2", of="l-2"),
                about("arrived", order_line_id="l-2"),
                claim("of his", "l-2", at=3, return_id="r-2"),
                about("settled", kind="settlement", return_id="r-2"),
                line("another order", "c-1", order="o-1", of="l-2", at=5),
                claim("another line", "l-1", at=5, return_id="r-2"),
                line("another moment", "c-2", order="o-1", of="l-1", at=5),
            ]
        )
        assert log.forget_customer("c-1") == 4
        assert ids(everything(log)) == ["his", "arrived", "of his", "settled"]

    def test_a_claim_told_before_its_line_is_of_the_line_that_was_there(self, log):
        log.append(
            [
                line("his", "c-2", order="o-2", of="l-2", at=9),
                claim("too early", "l-2", at=3),
                line("hers", "c-1", of="l-1", at=1),
                claim("claimed", "l-1", at=4),
                about("settled", kind="settlement", at=5, return_id="r-1"),
            ]
        )
        assert log.forget_customer("c-1") == 4
        assert ids(everything(log)) == ["his"]

    def test_a_line_of_before_the_log_stands_where_the_state_has_it(self, log):
        """The log tells only of mistaken words on l-1 and r-1, and of a correction of l-2."""
        log.append(
            [
                line("mistaken", "c-1", order="o-9", of="l-1", at=5),
                about("arrived", order_line_id="l-1"),
                line("hers", "c-1", order="o-3", of="l-3"),
                claim("not hers", "l-3", at=6),
                about("settled", kind="settlement", return_id="r-1"),
                line("corrected", "c-2", order="o-2", of="l-2", at=2),
                about("arrived too", order_line_id="l-2"),
            ]
        )
        stands = {"l-1": StandingLine("o-1", 1, "c-2"), "l-2": StandingLine("o-2", 2, "c-1")}

        def known(lines, claims):
            return Standing(
                {each: stands[each] for each in lines if each in stands},
                {each: "l-1" for each in claims if each == "r-1"},
            )

        assert log.forget_customer("c-1", lines=["l-2"], known=known) == 3
        assert ids(everything(log)) == ["arrived", "settled", "corrected", "arrived too"]

    def test_a_customer_is_found_in_a_log_of_many_pages(self, log, monkeypatch):
        monkeypatch.setattr("features.event_log.PAGE", 3)
        monkeypatch.setattr("features.event_log_postgres.PAGE", 3)
        log.append([event(f"e{i}", body=b'{"order_line_id":"l-%d"}' % (i % 5)) for i in range(20)])
        log.append([event("hers", body=b'{"order_line_id":"l-2","customer_id":"c-1"}')])
        assert log.forget_customer("c-1") == 5
        assert not any(each.event_id in ("hers", "e2", "e7") for each in everything(log))
        assert len(everything(log)) == 16

    def test_old_events_are_pruned_by_moment(self, log):
        log.append([event("new", at=10), event("old", at=9), event("older", at=-5)])
        assert log.prune(10) == 2
        assert ids(everything(log)) == ["new"]

    def test_a_number_is_never_given_again(self, log):
        numbers = log.append([event("a"), event("b", customer="c-1")])
        log.forget_customer("c-1")
        assert log.last() == numbers[-1]
        (later,) = log.append([event("b")])
        assert later > numbers[-1]
        log.prune(100)
        assert (everything(log), log.last()) == ([], later)
        assert log.append([event("a")])[0] > later


def start_writer(place, name, batches, size):
    command = [sys.executable, "-c", WRITER, place, name, str(batches), str(size)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


def begin(*writers):
    """Let them begin when all of them are ready."""
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()


class TestSeveralProcesses:
    def test_a_reader_that_follows_the_numbers_misses_nothing(self, place):
        """Numbers become visible in their order, however many write."""
        writers = [start_writer(place, f"w{i}", batches=60, size=i + 1) for i in range(3)]
        begin(*writers)
        followed = []
        with open_event_log(place) as log:
            running = True
            while running:
                running = any(writer.poll() is None for writer in writers)
                while page := log.read(followed[-1].seq if followed else 0, 50):
                    followed.extend(page)
                time.sleep(0.001)
            assert followed == everything(log)
        told = [set(writer.communicate()[0].split()) for writer in writers]
        assert [len(each) for each in told] == [60, 120, 180]
        assert set(ids(followed)) == set().union(*told)
        assert [writer.returncode for writer in writers] == [0, 0, 0]

    def test_an_event_that_all_send_is_stored_once(self, place):
        writers = [start_writer(place, "same", batches=40, size=2) for _ in range(3)]
        begin(*writers)
        for writer in writers:
            writer.communicate()
        assert [writer.returncode for writer in writers] == [0, 0, 0]
        with open_event_log(place) as log:
            found = ids(everything(log))
        assert len(found) == len(set(found)) == 80

    def test_what_was_acknowledged_survives_kill_9(self, place):
        chance, size = random.Random(8), 3
        acknowledged, killed_early = set(), 0
        for kill in range(8):
            writer = start_writer(place, f"k{kill}", FOREVER, size)
            begin(writer)
            lines = [writer.stdout.readline() for _ in range(chance.randrange(1, 30))]
            time.sleep(chance.random() * 0.005)  # anywhere in the next batches
            writer.kill()
            lines += writer.communicate()[0].splitlines(keepends=True)
            acknowledged.update(*(line.split() for line in lines if line.endswith("\n")))
            with open_event_log(place) as log:
                found = everything(log)
                stored = set(ids(found))
                assert acknowledged <= stored
                assert len(stored) == len(found)
                assert len(stored) % size == 0  # a batch is whole or absent
                assert log.append([event(f"after-{kill}-{i}") for i in range(size)])[0] is not None
            killed_early += writer.returncode == -9
        assert killed_early == 8


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"event_id": ""}, "event_id"),
        ({"event_id": "x" * 257}, "event_id 'xxx"),
        ({"event_id": "a\0b"}, "event_id"),
        ({"kind": ""}, "kind"),
        ({"customer_id": ""}, "customer_id"),
        ({"body": b'{"customer_id":"%s"}' % (b"x" * 257)}, "customer_id"),
        ({"at": 2**63}, "at 9223372036854775808 of event 'a'"),
    ],
)
def test_an_event_that_no_log_could_hold_is_not_made(wrong, message):
    given = {"event_id": "a", "kind": "ordered", "at": 0, "body": b"{}", **wrong}
    with pytest.raises(ValueError, match=message):
        NewEvent(**given)
