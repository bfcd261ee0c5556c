"""A state of a few keys in memory, for what is asked of a model apart from the state it serves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self

from features.state import NamesCustomer, StateError

__all__ = ["MemoryState"]


class MemoryState:
    """Keys and values that stay as they are; see :class:`features.state.StateStore`.

    Parameters
    ----------
    values
        The content.
    meta
        What is said of it.

    Attributes
    ----------
    asked
        Every key that was looked up, whether it is there or not.
    """

    def __init__(self, values: Mapping[str, bytes], meta: Mapping[str, str]) -> None:
        self._values = dict(values)
        self._meta = dict(meta)
        self._told = False
        self.asked: set[str] = set()

    @property
    def where(self) -> str:
        """Its name, for messages."""
        return "memory"

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of those keys that are there."""
        self.asked.update(keys)
        return {key: self._values[key] for key in keys if key in self._values}

    def meta(self) -> dict[str, str]:
        """What is said of the content."""
        return dict(self._meta)

    def all_keys(self) -> Iterator[str]:
        """All keys."""
        return iter(self._values)

    def changed(self) -> bool:
        """Only when asked for the first time."""
        told, self._told = self._told, True
        return not told

    def forget_version(self) -> None:
        """Let :meth:`changed` answer yes when it is asked next."""
        self._told = False

    def replace(self, items: Iterable[tuple[str, bytes]], meta: Mapping[str, str]) -> int:
        """Refused: it stays as it is."""
        raise StateError("a state in memory is not written")

    def put_many(
        self,
        items: Iterable[tuple[str, bytes]],
        meta: Mapping[str, str],
        *,
        delete: Iterable[str] = (),
        expect: Mapping[str, str | None] | None = None,
    ) -> None:
        """Refused: it stays as it is."""
        raise StateError("a state in memory is not written")

    def forget_customer(self, customer_id: str, names: NamesCustomer) -> dict[str, int]:
        """Refused: it stays as it is."""
        raise StateError("a state in memory is not written")

    def close(self) -> None:
        """Nothing to give back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
