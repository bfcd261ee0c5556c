"""Answers go on while the online state is away: without history, and saying so.

Look-ups are synchronous on the event loop, so a store that is gone must cost one request a moment
and no other anything. The first look-up that fails opens the breaker; from then on look-ups find
only the products that were asked about lately, which this process remembers. A thread asks the
store until it answers again, and hands each reader a connection that is open.

A state that was filled for another model is not away: that stays an error, see
:mod:`serving.state_guard`. Nor is a place where there never was a state.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from features.places import space_name
from features.state import NoStateError, StateAwayError, StateError, StateReader, StateStore
from features.stores import open_state, shown
from serving.dependency import Dependency
from serving.product_memory import PRODUCTS, ProductMemory

__all__ = [
    "LOOKUPS",
    "Lookups",
    "StateWatch",
    "SteadyState",
    "open_steady",
    "watch_of",
    "watches",
]

logger = logging.getLogger("muslin.serving")

_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 3.0
_STEADY_S: Final = 10.0
_TICK_S: Final = 1.0
_SPACES: Final = space_name("")


@dataclass
class Lookups:
    """What went without the online state in this process.

    Attributes
    ----------
    missed
        Look-ups. They happen on the event loop: who compares this before and after one knows
        whether that one did.
    """

    missed: int = 0


LOOKUPS: Final = Lookups()
"""Of all readers of a state: a service may go over from one place to another."""


class StateWatch(Dependency):
    """Whether the online state can be read; one for all who read it in this process.

    Parameters
    ----------
    url
        As :func:`features.stores.open_state` takes it.

    Attributes
    ----------
    products
        What is remembered; another one once the state is filled for another feature space, so that
        what a look-up of before still finds is not taken for the new one's.
    """

    def __init__(self, url: str) -> None:
        super().__init__("state")
        self.url = url
        self.products = ProductMemory()
        self._spaces: dict[str, str] = {}
        self._in_a_file = "://" not in url
        self._filled = False
        self._readers: weakref.WeakSet[SteadyState] = weakref.WeakSet()
        self._retired: list[StateStore] = []
        self._changing = threading.RLock()
        self._pause = _FIRST_PAUSE_S
        self._back_at = 0.0
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, reader: SteadyState) -> None:
        """Give a reader the store, now or when it is back.

        Raises
        ------
        StateError
            What does not mend by itself: a setting that cannot be used, no state so far.
        """
        added = False
        while not added:
            store = self._opened()
            with self._changing:
                # Found away, and back before this: the thread no longer looks for it.
                added = store is not None or self.reason is not None
                if added:
                    if store is not None:
                        reader.take(store)
                    self._readers.add(reader)
        if self._in_a_file:
            self._look_out()
        if self.reason is not None:
            self._wake.set()  # the thread looks seldom while there is no reader

    def _opened(self) -> StateStore | None:
        if self.reason is None:
            try:
                return open_state(self.url, readonly=True, quick=True)
            except StateAwayError as error:
                self.lost(error)
        return None

    def leave(self, reader: SteadyState) -> None:
        """Forget a reader that is closed."""
        with self._changing:
            self._readers.discard(reader)

    def lost(self, error: StateError) -> None:
        """Open the breaker: nobody asks the store until the thread says that it is back."""
        with self._changing:
            if self.reason is None:
                steady = time.monotonic() - self._back_at > _STEADY_S
                # One that comes and goes may not make a request wait each time it comes.
                self._pause = _FIRST_PAUSE_S if steady else min(2 * self._pause, _LONGEST_PAUSE_S)
            self.failed(str(error))
        self._look_out()
        self._wake.set()

    def seen(self, said: Mapping[str, str], where: str) -> bool:
        """Take note of what is said of the content; False when there was one and it is gone."""
        if said:
            self._filled = True
            self._keep_to(said)
        elif self._filled:
            self.lost(_empty(where))
            return False
        return True

    def _keep_to(self, said: Mapping[str, str]) -> None:
        """Forget the products of a feature space that the state is not filled for any more."""
        spaces = {name: space for name, space in said.items() if name.startswith(_SPACES)}
        with self._changing:
            if spaces != self._spaces:
                self._spaces = spaces
                self.products = ProductMemory()

    def _look_out(self) -> None:
        if self._thread is None:
            with self._changing:
                if self._thread is None:
                    weakref.finalize(self, self._wake.set)
                    self._thread = threading.Thread(
                        target=_keep_looking,
                        args=(weakref.ref(self), self._wake),
                        name="muslin-state",
                        daemon=True,
                    )
                    self._thread.start()

    def look(self) -> float | None:
        """See whether a lost store is back, or a file was replaced; the pause until the next time.

        Called by the thread.
        """
        for store in self._retired:
            store.close()
        self._retired.clear()
        with self._changing:
            readers = list(self._readers)
        try:
            if self.reason is None:
                if not any(each.moved() for each in readers):
                    return _TICK_S if self._in_a_file else None
            elif not readers:
                return _LONGEST_PAUSE_S
            self._open_anew(readers)
        except StateError as error:
            with self._changing:
                self.failed(str(error))
            pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE_S)
            return pause
        return _TICK_S

    def first_pause(self) -> float:
        """Seconds before a store that was just lost is asked again."""
        return self._pause

    def _open_anew(self, readers: Sequence[SteadyState]) -> None:
        """Give every reader a new connection, or none of them."""
        opened: list[StateStore] = []
        said: dict[str, str] = {}
        try:
            for _ in readers:
                opened.append(open_state(self.url, readonly=True, quick=True))
                said = _filled(opened[-1])
        except BaseException:
            for store in opened:
                store.close()
            raise
        with self._changing:
            for reader, store in zip(readers, opened, strict=True):
                # One that was closed meanwhile will close nothing more; and a request may be
                # reading the one before at this moment.
                before = reader.take(store) if reader in self._readers else store
                if before is not None:
                    self._retired.append(before)
            self._filled = True
            self._keep_to(said)
            self._back_at = time.monotonic()
            if any(each not in readers for each in self._readers):
                self._wake.set()  # one that came meanwhile has none yet: once more, for all
            else:
                self.works()


def _filled(store: StateStore) -> dict[str, str]:
    said = store.meta()
    if not said:
        raise _empty(store.where)
    return said


def _empty(where: str) -> NoStateError:
    return NoStateError(f"the online state at {where} is empty; run: muslin materialize")


def _keep_looking(watch: weakref.ref[StateWatch], wake: threading.Event) -> None:
    """The thread: sleeps until there is something to see, and ends with its watch."""
    pause: float | None = 0.0
    while True:
        woken = wake.wait(pause)
        wake.clear()
        found = watch()
        if found is None:
            return
        if woken and found.reason is not None:
            time.sleep(found.first_pause())
        try:
            pause = found.look()
        except Exception:  # without this thread a lost store would stay lost
            logger.exception("the online state cannot be looked after now")
            pause = _LONGEST_PAUSE_S
        del found


class SteadyState:
    """The online state for those who look up, which does not fail when the store does.

    Parameters
    ----------
    watch
        Knows whether the store can be read.

    Raises
    ------
    StateError
        When there is no state, or a setting cannot be used. Not when the store is away now.

    Notes
    -----
    A product is remembered when its key is the first of a look-up, or stands in one that begins
    with a product: so histories, of which there are many, are not looked through.
    """

    def __init__(self, watch: StateWatch) -> None:
        self._watch = watch
        self._said: dict[str, str] | None = None
        self._store: StateStore | None = None
        watch.open(self)

    @property
    def where(self) -> str:
        """A path or an address, without a password."""
        return shown(self._watch.url) if self._store is None else self._store.where

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of those keys that are there; while the store is away, those of products."""
        watch, store = self._watch, self._store
        products = watch.products
        if watch.reason is None and store is not None:
            try:
                found = store.get_many(keys)
            except StateError as error:
                watch.lost(error)
            else:
                if keys and keys[0].startswith(PRODUCTS):
                    products.remember(found)
                return found
        LOOKUPS.missed += 1
        return watch.products.find(keys)

    def changed(self) -> bool:
        """Whether it was written since this was last asked; no while the store is away."""
        watch, store = self._watch, self._store
        if watch.reason is not None or store is None:
            return False
        try:
            if not store.changed():
                return False
            said = store.meta()
        except StateError as error:
            watch.lost(error)
            return False
        if not watch.seen(said, store.where):
            return False
        self._said = said
        return True

    def meta(self) -> dict[str, str]:
        """What is said of the content, as :meth:`changed` saw it last."""
        if self._said is not None:
            return self._said
        return {} if self._store is None else self._store.meta()

    def forget_version(self) -> None:
        """Let :meth:`changed` answer yes when it is asked next."""
        if self._store is not None:
            self._store.forget_version()

    def moved(self) -> bool:
        """Whether the place holds another store by now, or none."""
        return self._store is not None and self._store.moved()

    def take(self, store: StateStore) -> StateStore | None:
        """Read from another connection from now on; give the one before."""
        before, self._store = self._store, store
        return before

    def close(self) -> None:
        """Close the connection."""
        self._watch.leave(self)
        if self._store is not None:
            self._store.close()


_watches: weakref.WeakValueDictionary[str, StateWatch] = weakref.WeakValueDictionary()
_finding = threading.Lock()


def watch_of(url: str) -> StateWatch:
    """The watch of a state, the same for all who read it in this process."""
    with _finding:
        found = _watches.get(url)
        if found is None:
            found = _watches[url] = StateWatch(url)
        return found


def watches() -> list[StateWatch]:
    """The watch of every state that is read in this process."""
    with _finding:
        return list(_watches.values())


def open_steady(url: str) -> StateReader:
    """Open the online state of a setting for looking up.

    Parameters
    ----------
    url
        As :func:`features.stores.open_state` takes it.

    Raises
    ------
    StateError
        As :class:`SteadyState`.
    """
    return SteadyState(watch_of(url))
