"""The online state in Redis, for a service of several replicas.

One hash holds the values, one what is said of them, and a counter tells of every write. Hence a
look-up is one command in one round trip, a new content takes the place of the old by a rename, and
the old one is a single key that Redis frees in the background. All three bear one prefix, so that
shops may share a server; on a Redis Cluster they live on one node.
"""

from __future__ import annotations

import logging
import secrets
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from features.state import (
    KEY_SEPARATOR,
    NamesCustomer,
    NoStateError,
    StateAwayError,
    StateConflictError,
    StateError,
    any_part,
    check_expected,
    customer_of,
)

__all__ = ["RedisState", "connected"]

logger = logging.getLogger("muslin.features")

_OLDEST: Final = (7, 0)
_PREFIX: Final = "muslin"
_CONNECT_S, _ANSWER_S = 2.0, 5.0
_QUICK_CONNECT_S, _QUICK_ANSWER_S = 0.25, 0.5
_AWAY: Final = (redis.ConnectionError, redis.TimeoutError)
_REFUSED: Final = (redis.AuthenticationError, redis.exceptions.AuthorizationError)
"""To redis-py these are lost connections; they do not mend by themselves."""
_BATCH: Final = 1000
"""Keys a command writes, or reads when all are read."""
_ABANDONED_S: Final = 86_400
"""Redis drops a content that nobody has gone on filling for so long."""
_TRIES: Final = 10


class RedisState:
    """State in a Redis server, version 7 or later.

    Parameters
    ----------
    url
        ``redis://[user:password@]host[:port][/db][?prefix=NAME]``, or ``rediss://`` for TLS. What
        else stands after the question mark goes to redis-py, ``socket_timeout=2`` for one: seconds
        an answer may take (5 when not said; 2 for a connection).
    readonly
        For looking up only; there must be a content.
    quick
        For one who can do without: an answer may take half a second, a connection a quarter,
        unless the URL says otherwise.

    Raises
    ------
    NoStateError
        When `readonly` and nothing was ever put there.
    StateAwayError
        When nobody answers.
    StateError
        When the URL cannot be used, the server refuses us, or is too old.

    Notes
    -----
    A write is one MULTI/EXEC: readers see all of it or nothing. Whether it survives a crash of the
    server is the server's setting (``appendfsync``); values and what is said of them are lost or
    kept together, so that what was lost can be made again from the log of events.

    The client is safe to share among threads.
    """

    def __init__(self, url: str, *, readonly: bool = False, quick: bool = False) -> None:
        address, prefix = _split(url)
        self._values, self._meta = f"{prefix}:state", f"{prefix}:meta"
        self._counter = f"{prefix}:version"
        self._prefix, self._readonly = prefix, readonly
        self._version: bytes | None = None
        self._asked = False
        parts = urlsplit(address)
        self._where = f"{parts.scheme}://{parts.hostname or 'localhost'}:{parts.port or 6379}"
        if prefix != _PREFIX:
            self._where += f" (prefix {prefix})"
        self._client: Any = _client(address, quick=quick)
        try:
            self._look()
        except BaseException:
            self._client.close()
            raise

    def _look(self) -> None:
        """Refuse a server that cannot do what is asked of it here."""
        with self._told("opened"):
            try:
                server = self._client.info("server")
            except TypeError as error:  # redis-py hands the URL's query to its connection
                raise StateError(
                    f"the URL of the online state at {self._where} has an option that redis-py does"
                    f" not know ({error}); options are prefix and those of redis-py's connections"
                ) from None
            version = str(server.get("redis_version", "0"))
            if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
                raise StateError(
                    f"Redis at {self._where} is version {version}; the online state needs 7 or"
                    " later"
                )
            policy = str(self._client.info("memory").get("maxmemory_policy", ""))
            if policy.startswith("allkeys"):
                logger.warning(
                    "Redis at %s may drop the online state when memory is short (maxmemory-policy"
                    " %s); set it to noeviction or volatile-lru",
                    self._where,
                    policy,
                )
            if self._readonly and not self._client.exists(self._counter):
                raise NoStateError(
                    f"no online state at {self._where}; fill it with: muslin materialize"
                )

    @property
    def where(self) -> str:
        """The address, without user and password."""
        return self._where

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of those keys that are there, by one command."""
        if not keys:
            return {}
        try:
            found = self._client.execute_command("HMGET", self._values, *keys)
        except redis.RedisError as error:
            raise self._cannot("read", error) from error
        return {key: value for key, value in zip(keys, found, strict=True) if value is not None}

    def replace(self, items: Iterable[tuple[str, bytes]], meta: Mapping[str, str]) -> int:
        """Fill a new content beside the old, then put it in its place by one transaction.

        Of a key given twice the last counts. While it is filled there must be memory for both.
        """
        self._refuse_when_readonly()
        filling = f"{self._prefix}:filling:{uuid.uuid4().hex}"
        with self._told("written"):
            try:
                filled = 0
                for batch in _batches(items):
                    with self._client.pipeline(transaction=False) as pipe:
                        pipe.hset(filling, mapping=dict(batch))
                        pipe.expire(filling, _ABANDONED_S)
                        pipe.execute()
                    filled += len(batch)
                count = self._kept(filling) if filled else 0
                with self._client.pipeline() as pipe:
                    pipe.unlink(self._values, self._meta)
                    if filled:
                        pipe.rename(filling, self._values)
                    self._commit(pipe, meta)
            except BaseException:
                self._drop(filling)
                raise
        return count

    def _kept(self, filling: str) -> int:
        """Keep a content for good; return the number of its keys."""
        with self._client.pipeline(transaction=False) as pipe:
            kept, count = pipe.persist(filling).hlen(filling).execute()
        if not kept:
            raise StateError(
                f"Redis at {self._where} dropped the new content while it was filled; see its"
                " memory and maxmemory-policy"
            )
        return int(count)

    def put_many(
        self,
        items: Iterable[tuple[str, bytes]],
        meta: Mapping[str, str],
        *,
        delete: Iterable[str] = (),
        expect: Mapping[str, str | None] | None = None,
    ) -> None:
        """Put these values among the others by one transaction; see :class:`StateStore`."""
        self._refuse_when_readonly()
        put = dict(items)
        gone = [key for key in delete if key not in put]
        with self._told("written"):
            for _ in range(_TRIES):
                with self._client.pipeline() as pipe:
                    if expect:
                        pipe.watch(self._meta)
                        check_expected(_texts(pipe.hgetall(self._meta)), expect, self._where)
                        pipe.multi()
                    if gone:
                        pipe.hdel(self._values, *gone)
                    if put:
                        pipe.hset(self._values, mapping=put)
                    try:
                        self._commit(pipe, meta)
                    except redis.WatchError:  # the meta was written; perhaps not what is expected
                        continue
                    return
            raise StateConflictError(f"others keep writing the online state at {self._where}")

    def _commit(self, pipe: Any, meta: Mapping[str, str]) -> None:
        """Say what is said of the content, count the write, and do all of it."""
        if meta:
            pipe.hset(self._meta, mapping=dict(meta))
        # Of a server that was emptied and filled again the count must not be one that was seen.
        pipe.set(self._counter, secrets.randbits(48), nx=True)
        pipe.incr(self._counter)
        count = pipe.execute()[-1]
        if self._version is not None and int(self._version) == count - 1:
            self._version = b"%d" % count  # nobody else has written

    def all_keys(self) -> Iterator[str]:
        """All keys."""
        with self._told("read"):
            for raw, _ in self._client.hscan_iter(self._values, count=_BATCH):
                yield raw.decode()

    def meta(self) -> dict[str, str]:
        """What is said of the content."""
        with self._told("read"):
            return _texts(self._client.hgetall(self._meta))

    def changed(self) -> bool:
        """Whether another client has written since this was last asked; one round trip."""
        try:
            version = self._client.execute_command("GET", self._counter)
        except redis.RedisError as error:
            raise self._cannot("read", error) from error
        before, self._version = self._version, version
        asked, self._asked = self._asked, True
        return not asked or before != version

    def forget_version(self) -> None:
        """Let :meth:`changed` answer yes when it is asked next."""
        self._asked = False

    def moved(self) -> bool:
        """Never: the address stays that of the store."""
        return False

    def forget_customer(self, customer_id: str, names: NamesCustomer = any_part) -> dict[str, int]:
        """Remove what is kept of a customer.

        A key goes when it names the customer, or when its value is a JSON object whose
        ``customer_id`` is the customer's. All keys pass through this process once, by small
        commands between which others are served.

        Parameters
        ----------
        customer_id
            Compared as a whole.
        names
            Which keys name the customer: a product may have the same id.

        Returns
        -------
        dict of str to int
            Keys removed, by the first part of the key; empty when nothing was kept.

        Raises
        ------
        StateError
            The server cannot be reached, or refuses.

        Notes
        -----
        Gone from the server's memory at once; from its files when it rewrites them next
        (``BGREWRITEAOF``, ``BGSAVE``). What another writes of this customer meanwhile may stay.
        """
        self._refuse_when_readonly()
        in_key, in_value = customer_id.encode(), orjson.dumps(customer_id)
        with self._told("written"):
            # What is sifted is only a candidate: "c-1" is in "c-11" too.
            keys = {
                key
                for raw, value in self._client.hscan_iter(self._values, count=_BATCH)
                if (in_key in raw or in_value in value)
                and (
                    names((key := raw.decode()).split(KEY_SEPARATOR), customer_id)
                    or customer_of(value) == customer_id
                )
            }
            if keys:
                with self._client.pipeline() as pipe:
                    pipe.hdel(self._values, *keys)
                    self._commit(pipe, {})
        return dict(Counter(key.partition(KEY_SEPARATOR)[0] for key in keys))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refuse_when_readonly(self) -> None:
        if self._readonly:
            raise StateError(f"the online state at {self._where} was opened for looking up only")

    def _drop(self, key: str) -> None:
        try:
            self._client.unlink(key)
        except redis.RedisError:
            logger.warning("%s stays in Redis at %s for a day", key, self._where)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turn what Redis or the network says into a sentence."""
        try:
            yield
        except redis.RedisError as error:
            raise self._cannot(what, error) from error

    def _cannot(self, what: str, error: redis.RedisError) -> StateError:
        # A pipeline's error quotes the command, which holds a customer's values.
        said = str(error).rpartition(" caused error: ")[2]
        away = isinstance(error, _AWAY) and not isinstance(error, _REFUSED)
        return (StateAwayError if away else StateError)(
            f"the online state in Redis at {self._where} cannot be {what} ({said}); see that the"
            " server runs, that this machine may reach it, and that user and password are right"
        )


def connected(url: str, *, quick: bool = False) -> tuple[redis.Redis, str]:
    """A client for the server of a URL, and the prefix of our keys there.

    Parameters
    ----------
    url, quick
        As for :class:`RedisState`.

    Raises
    ------
    StateError
        When the URL cannot be used.
    """
    address, prefix = _split(url)
    return _client(address, quick=quick), prefix


def _split(url: str) -> tuple[str, str]:
    """The URL without our own option, and the prefix it gave.

    Raises
    ------
    StateError
        Never quotes the URL: it may hold a password.
    """
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        prefix = options.pop("prefix", _PREFIX)
        database = parts.path.strip("/")
        usable = (
            parts.scheme in ("redis", "rediss")
            and (not database or database.isdecimal())
            and parts.port != 0
            and prefix
        )
        address = urlunsplit(parts._replace(query=urlencode(options), fragment=""))
    except ValueError:
        usable = False
    if not usable:
        raise _unusable_url()
    return address, prefix


def _client(address: str, *, quick: bool = False) -> redis.Redis:
    try:
        return redis.Redis.from_url(
            address,
            socket_connect_timeout=_QUICK_CONNECT_S if quick else _CONNECT_S,
            socket_timeout=_QUICK_ANSWER_S if quick else _ANSWER_S,
            # A connection that a restarted server closed is opened anew, once.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )
    except ValueError:  # an option that is not of its type
        raise _unusable_url() from None


def _unusable_url() -> StateError:
    return StateError(
        "the URL of the online state cannot be used; it should be like"
        " redis://user:password@host:6379/0?prefix=shop, signs such as @ / ? # % in the password"
        " percent-encoded"
    )


def _batches(items: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _texts(raw: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in raw.items()}
