"""Real servers for tests and benchmarks: Redis and PostgreSQL, each a process in its own folder.

They listen on a free port of the loopback interface, ask for a password, and are ended by their
process id. Nothing of a server that the machine runs anyway is touched.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

PASSWORD = "k9/of@the%tests"  # with signs that a URL must encode
ENCODED = "k9%2Fof%40the%25tests"
_READY_S = 60
_TRIES = 5


class MissingServerError(RuntimeError):
    """The server's program is not on this machine."""


@contextmanager
def wanted(server: AbstractContextManager[str]) -> Iterator[str]:
    """Run a server for tests: where it is missing they are skipped, or fail under MUSLIN_CI=1."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(server)
        except MissingServerError as error:
            if os.environ.get("MUSLIN_CI") == "1":
                pytest.fail(str(error))
            pytest.skip(str(error))
        yield url


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis server without files; gives its URL.

    Raises
    ------
    MissingServerError
        There is no redis-server.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise MissingServerError("redis-server is missing; run: apt-get install redis-server")
    with _folder() as folder:

        def start(port: int) -> list[str]:
            (folder / "redis.conf").write_text(
                f"port {port}\nbind 127.0.0.1\nsave ''\nappendonly no\ndir {folder}\n"
                f'requirepass "{PASSWORD}"\n'
            )
            return [program, str(folder / "redis.conf")]

        with _running(start, folder) as (port, _):
            yield f"redis://:{ENCODED}@127.0.0.1:{port}/0"


@contextmanager
def postgres_server() -> Iterator[str]:
    """A new PostgreSQL cluster with fsync on; gives the URL of its database.

    Raises
    ------
    MissingServerError
        There is no PostgreSQL.
    """
    with postgres_cluster() as run, run() as (url, _):
        yield url


@contextmanager
def postgres_cluster() -> Iterator[Callable[..., AbstractContextManager[tuple[str, int]]]]:
    """A new PostgreSQL cluster that may be started more than once.

    Gives a function that runs its server, with the setting `fsync` and on a port of its own or the
    one that is told, and gives URL and process id.
    """
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    initdb = found[-1] if found else shutil.which("initdb")
    if initdb is None:
        raise MissingServerError("PostgreSQL is missing; run: apt-get install postgresql")
    initdb = Path(initdb).resolve()
    user = _plain_user()
    with _folder(user) as folder:
        secret, data = folder / "secret", folder / "data"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)  # in a folder that nobody else may enter
        _run(
            [initdb, "-D", data, "-U", "muslin", "-A", "scram-sha-256", "--pwfile", secret,
             "--locale", "C.UTF-8", "--encoding", "UTF8", "--no-instructions"],
            folder,
            user,
        )  # fmt: skip

        @contextmanager
        def run(fsync: str = "on", port: int | None = None) -> Iterator[tuple[str, int]]:
            def start(port: int) -> list[str]:
                return [
                    str(initdb.with_name("postgres")), "-D", str(data), "-k", str(folder),
                    "-h", "127.0.0.1", "-p", str(port), "-c", f"fsync={fsync}",
                ]  # fmt: skip

            with _running(start, folder, user, port) as (at, process):
                ask = [str(initdb.with_name("pg_isready")), "-h", "127.0.0.1", "-p", str(at)]
                _until(
                    lambda: subprocess.run(ask, capture_output=True, check=False).returncode == 0
                )
                yield f"postgresql://muslin:{ENCODED}@127.0.0.1:{at}/postgres", process.pid

        yield run


def _plain_user() -> str | None:
    """PostgreSQL refuses to run as root: another user, when we are root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise MissingServerError("PostgreSQL does not run as root; run the tests as another user")


@contextmanager
def _folder(user: str | None = None) -> Iterator[Path]:
    """A folder that `user` may enter; pytest's own are closed to others than its user."""
    folder = Path(tempfile.mkdtemp(prefix="muslin-server-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[object], folder: Path, user: str | None) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        **_as(user),
        capture_output=True,
        text=True,
        timeout=_READY_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")


@contextmanager
def _running(
    start: Callable[[int], list[str]],
    folder: Path,
    user: str | None = None,
    wanted: int | None = None,
) -> Iterator[tuple[int, subprocess.Popen]]:
    """Run a server until the end, on a free port unless told; gives port and process."""
    log = folder / "server.log"
    for _ in range(_TRIES):
        port = wanted or _free_port()
        with log.open("wb") as out:
            process = subprocess.Popen(
                start(port),
                cwd=folder,
                **_as(user),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        try:
            if _listens(process, port):
                yield port, process
                return
        finally:
            _end(process)
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


def _as(user: str | None) -> dict[str, object]:
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _listens(process: subprocess.Popen, port: int) -> bool:
    """Whether it came to listen; not when it ended, such as for a port that was taken meanwhile."""

    def open_or_ended() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return process.poll() is not None
        return True

    _until(open_or_ended)
    return process.poll() is None


def _until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + _READY_S
    while not done():
        if time.monotonic() > until:
            raise RuntimeError(f"the server is not ready after {_READY_S} s")
        time.sleep(0.05)


def _end(process: subprocess.Popen) -> None:
    """End our own process, by its id."""
    if process.poll() is None:
        process.send_signal(2)  # PostgreSQL: without waiting for clients
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
