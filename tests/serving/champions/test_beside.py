"""The process of the challengers and who starts it: whatever comes, they go on."""

import threading
import time

import orjson
import pytest

from serving.champions import beside, supervisor
from serving.champions.beside import Beside
from serving.champions.copies import CHALLENGER, adopt
from serving.champions.shadow import Sample, packed
from serving.champions.tallies import Tallies

PATH = "/v1/size-advice"
ANSWER = orjson.dumps({"model": {"name": "size_fit", "version": "1"}, "sizes": []})
SAMPLE = Sample(PATH, "r1", 0, b"{}", ANSWER)


@pytest.fixture
def challenged(settings, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    adopt(settings, "size_fit", "2", folder, role=CHALLENGER)
    return settings.model_copy(update={"champion_poll_s": 0.0})


def counted(settings):
    return orjson.loads((settings.champion_dir / "size_fit" / "shadow.json").read_bytes())


@pytest.mark.parametrize("answer", [b"[]", b"no JSON", b"{}", b"[1]", b"null", b'{"model": null}'])
def test_an_answer_that_has_nothing_to_compare_ends_nothing(challenged, answer):
    process = Beside(challenged)
    process.take(Sample(PATH, "r0", 3, b"[]", answer))
    process.take(SAMPLE)
    process.tell()
    assert counted(challenged)["unready"] == 1


class Inbox:
    """Fails, hands over what is no sample, and then a sample."""

    def __init__(self, stop):
        self._left = [OSError("no memory"), b"x", b"\0" * 9, packed(SAMPLE)]
        self._stop = stop

    def recv(self, _):
        if not self._left:
            self._stop.wait()
            raise OSError("closed")
        first = self._left.pop(0)
        if isinstance(first, OSError):
            raise first
        return first


def test_an_inbox_that_fails_once_is_read_on(challenged, monkeypatch):
    monkeypatch.setattr(beside, "_AGAIN_S", 0.01)
    monkeypatch.setattr(beside, "_TELL_S", 0.05)
    stop, process = threading.Event(), Beside(challenged)
    thread = threading.Thread(target=process.run, args=(Inbox(stop), stop))
    thread.start()
    try:
        end = time.monotonic() + 30
        while not (challenged.champion_dir / "size_fit" / "shadow.json").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        stop.set()
        thread.join()
    assert counted(challenged)["champion"] == "1"


def test_a_process_that_cannot_be_started_now_is_started_later(challenged, monkeypatch):
    started = threading.Event()
    asked = []

    class Process:
        returncode = None

        def __init__(self, *_, **__):
            asked.append(1)
            if len(asked) < 3:
                raise OSError("no memory")
            started.set()

        def poll(self):
            return None

        def terminate(self):
            pass

        def wait(self, _):
            pass

    monkeypatch.setattr(supervisor.subprocess, "Popen", Process)
    monkeypatch.setattr(supervisor, "_LOOK_S", 0.01)
    monkeypatch.setattr(supervisor, "_RESTART_S", 0.01)
    with supervisor.supervised(challenged.model_copy(update={"shadow_rate": 1.0})):
        assert started.wait(30)


def test_while_workers_go_over_both_champions_are_counted():
    now = [0.0]
    tallies = Tallies(lambda: now[0])
    for champion in ("1", "2", "1", "2", "1"):
        tallies.of(champion, "3").add(0.0, None)
        now[0] += 1.0
    assert tallies.of("1", "3").same == 3
    assert tallies.newest().champion == "2"
    assert tallies.newest().same == 2


def test_what_is_not_counted_any_more_is_forgotten_after_a_minute_and_the_last_never():
    now = [0.0]
    tallies = Tallies(lambda: now[0])
    assert tallies.newest() is None
    tallies.of("1", "3").add(0.0, None)
    now[0] = 1000.0
    assert tallies.of("1", "3").same == 1
    tallies.of("2", "3")
    now[0] += 30.0
    assert tallies.of("1", "3").same == 1
    now[0] += 50.0
    tallies.of("1", "3")
    assert tallies.newest().champion == "1"  # went back
