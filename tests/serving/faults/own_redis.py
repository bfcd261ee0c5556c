"""A Redis server that can be killed, stopped, and started again at the same address."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import redis

from tests.servers import ENCODED, PASSWORD, MissingServerError, _free_port, _until


class OwnRedis:
    """A server without files on a port of its own."""

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise MissingServerError("redis-server is missing; run: apt-get install redis-server")
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="muslin-redis-"))
        self.port = _free_port()
        self.url = f"redis://:{ENCODED}@127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        conf = self._folder / "redis.conf"
        conf.write_text(
            f"port {self.port}\nbind 127.0.0.1\nsave ''\nappendonly no\ndir {self._folder}\n"
            f'requirepass "{PASSWORD}"\n'
        )
        self._process = subprocess.Popen(
            [self._program, str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

        def answers() -> bool:
            try:
                with redis.Redis.from_url(self.url) as client:
                    return bool(client.ping())
            except redis.RedisError:
                return False

        _until(answers)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Let it hang: the kernel takes connections, and nobody answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
