"""The process in which challengers answer: after the champion, unseen, with nobody waiting.

It is the service without a port: it keeps models as a worker does, the challenger in the place of
the champion, and answers what workers hand it. Whatever happens to it happens to no answer.
Differences go to a file of JSON lines, counts to one file a model.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from features.places import places
from features.settings import Settings, SettingsError
from serving.champions.answers import Answers, Part
from serving.champions.copies import CHALLENGER, CHAMPION, Role, copies_of, home_of
from serving.champions.difference import Tally, differences
from serving.champions.shadow import MODEL_OF, SOCKET, Sample, unpacked
from serving.champions.tallies import Tallies
from serving.dependency import Dependency
from serving.languages import Languages
from serving.observe.counts import Counts
from serving.observe.logs import configure
from serving.observe.observer import Observer
from serving.parts import Endpoint
from serving.startup import keeper_of

__all__ = ["COUNTS", "Beside", "main"]

logger = logging.getLogger("muslin.serving")

COUNTS: Final = "shadow.json"
"""File with the counts, in the folder of the model's copies."""
_QUEUE: Final = 512
_LARGEST: Final = 1 << 22
_TELL_S: Final = 1.0
_AGAIN_S: Final = 10.0
_LONGEST_LOG: Final = 64 << 20


class Beside:
    """Answers samples with the challengers and compares.

    Parameters
    ----------
    settings
        Where copies and states are, and where differences go.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.languages = Languages()
        self.observer = Observer(settings)
        self.counts = Counts()  # nobody asks for them
        self._parts: dict[str, Part] = {}
        self._tallies = {name: Tallies() for name in MODEL_OF.values()}
        self._told: dict[str, Any] = {}
        self._told_at = 0.0
        self._queue: queue.Queue[Sample] = queue.Queue(_QUEUE)
        self._overflow = 0
        self._loop = asyncio.Runner()
        url = settings.challenger_state_url
        self._keeper = keeper_of(
            self,
            Answers(self, reviews=False),
            role=self._role,
            searched=(*places(settings.state_url), *(() if url is None else (url,))),
        )

    # What `Answers` asks of an application

    def exchange(self, parts: Mapping[str, Part]) -> None:
        """Take the endpoints."""
        self._parts = self._parts | dict(parts)

    def depend_on(self, dependency: Dependency) -> None:
        """Nobody asks this process what it depends on."""

    def run(self, inbox: socket.socket, stop: threading.Event) -> None:
        """Answer what comes in until `stop` is set."""
        self._keeper.look()
        self._keeper.watch()
        threading.Thread(target=self._receive, args=(inbox, stop), daemon=True).start()
        while not stop.is_set():
            try:
                sample = self._queue.get(timeout=_TELL_S)
            except queue.Empty:
                self.tell()
                continue
            self.take(sample)
            if time.monotonic() - self._told_at > _TELL_S:
                self.tell()
        self.tell()
        self._keeper.end()
        self._loop.close()

    def take(self, sample: Sample) -> None:
        """Let the challenger answer one request, and count how that differs; it never raises."""
        try:
            self._take(sample)
        except Exception:
            logger.exception("a request to %s is not compared", sample.path)

    def _take(self, sample: Sample) -> None:
        name = MODEL_OF.get(sample.path)
        first = copies_of(self.settings, name, CHALLENGER) if name is not None else []
        if name is None or not first:
            return
        told = orjson.loads(sample.answer)
        if not told:  # nothing was asked
            self._overflow += sample.dropped
            return
        one = told[0] if isinstance(told, list) else told
        tally = self._tallies[name].of(one["model"]["version"], first[0].version)
        tally.dropped += sample.dropped + self._overflow
        self._overflow = 0
        endpoint, readiness = self._parts.get(sample.path, (None, None))
        if endpoint is None or readiness is None or readiness.model != first[0].label:
            tally.unready += 1
            return
        try:
            answer = orjson.loads(self._loop.run(_ask(endpoint, sample)))
            compared = list(differences(sample.path, told, answer))
        except Exception as error:
            tally.failed += 1
            self._write(name, tally, sample, {"error": type(error).__name__})
            logger.debug("the challenger of %s failed", name, exc_info=True)
            return
        for dp, found in compared:
            tally.add(dp, found)
            if found is not None:
                self._write(name, tally, sample, found)

    def tell(self) -> None:
        """Write the counts where they have changed."""
        self._told_at = time.monotonic()
        waits = self._keeper.told()
        for name, tallies in self._tallies.items():
            tally = tallies.newest()
            if tally is None:
                continue
            told = tally.told() | {"refused": waits[name]["refused"]}
            if told == self._told.get(name):
                continue
            path = home_of(self.settings, name) / COUNTS
            fresh = path.with_suffix(f".{os.getpid()}")
            try:
                fresh.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
                fresh.replace(path)
            except OSError as error:
                logger.warning("the counts of the shadow cannot be written: %s", error)
            else:
                self._told[name] = told

    def _role(self, name: str) -> Role:
        return CHALLENGER if copies_of(self.settings, name, CHALLENGER) else CHAMPION

    def _write(self, name: str, tally: Tally, sample: Sample, found: Mapping[str, Any]) -> None:
        line = {
            "at": _now(),
            "model": name,
            "champion": tally.champion,
            "challenger": tally.challenger,
            "request_id": sample.request_id,
            **found,
        }
        path = self.settings.shadow_log
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > _LONGEST_LOG:
                path.replace(Path(f"{path}.1"))
            with path.open("ab") as file:
                file.write(orjson.dumps(line) + b"\n")
        except OSError as error:
            logger.warning("differences of the shadow cannot be written: %s", error)

    def _receive(self, inbox: socket.socket, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                sample = unpacked(inbox.recv(_LARGEST))
            except OSError as error:
                if stop.wait(_AGAIN_S):  # it is closed in the end
                    return
                logger.warning("no requests come in now: %s", error)
                continue
            except (ValueError, TypeError):
                logger.warning("what came in is no request", exc_info=True)
                continue
            try:
                self._queue.put_nowait(sample)
            except queue.Full:
                self._overflow += 1 + sample.dropped


async def _ask(endpoint: Endpoint, sample: Sample) -> bytes:
    return await endpoint(sample.body, sample.request_id)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def main() -> None:
    """Answer until SIGTERM, or until the parent closes stdin."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    configure(settings, "shadow")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_wait_for_parent, args=(stop,), daemon=True).start()
    os.nice(10)  # those who wait for an answer go first
    address = Path(os.environ[SOCKET])
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(address))
        Beside(settings).run(inbox, stop)


def _wait_for_parent(stop: threading.Event) -> None:
    """The parent holds the other end of stdin; it is closed however the parent ends."""
    while os.read(0, 1024):
        pass
    stop.set()


if __name__ == "__main__":
    main()
