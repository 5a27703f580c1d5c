"""Servers of one's own to do harm to: a PostgreSQL, a Redis, and a proxy before either that delays, holds and cuts."""

from __future__ import annotations

import asyncio
import os
import pwd
import random
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import redis

from tests.postgres import binaries, ordinary_user
from tests.studio import free_port, until

NAME = "studio"


class Postgres:
    """A server below `folder` that really writes (`fsync` is on), on a port of its own."""

    def __init__(self, folder: Path) -> None:
        found = binaries()
        assert found is not None, "PostgreSQL is not installed"
        self._binaries, self._data, self.port = found, folder / "data", free_port()
        self._account = ordinary_user() if os.getuid() == 0 else pwd.getpwuid(os.getuid())  # it refuses to be root
        folder.mkdir(parents=True)
        os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8")
        self.start()
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {NAME}")

    def url(self, port: int = 0) -> str:
        """As Django's settings read it; `port` is a proxy's, if not its own."""
        return f"postgres://postgres@127.0.0.1:{port or self.port}/{NAME}"

    def connect(self, database: str = NAME) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True, connect_timeout=3
        )

    def start(self) -> None:
        log, options = str(self._data.parent / "log"), f"-p {self.port} -c listen_addresses=127.0.0.1 -k ''"
        self._run("pg_ctl", "start", "-w", "-s", "-D", str(self._data), "-l", log, "-o", options)

    def stop(self, how: str = "immediate") -> None:
        self._run("pg_ctl", "stop", "-w", "-s", "-m", how, "-D", str(self._data))

    def kill_backends(self) -> int:
        """`kill -9` of every process that serves a connection; how many there were. The server recovers by itself."""
        server = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        found = [each for each in psutil.Process(server).children() if f"postgres {NAME}" in " ".join(each.cmdline())]
        for each in found:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        return len(found)

    def answers(self) -> bool:
        try:
            with self.connect() as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False

    def _run(self, program: str, *words: str) -> None:
        own = ["setpriv", f"--reuid={self._account.pw_uid}", f"--regid={self._account.pw_gid}", "--clear-groups"]
        command = [*(own if os.getuid() == 0 else []), str(self._binaries / program), *words]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=90)


class Redis:
    """A server below `folder` on a port of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        program = shutil.which("valkey-server") or shutil.which("redis-server")
        assert program is not None, "neither Valkey nor Redis is installed"
        self.port = free_port()
        words = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(folder),
            "--appendonly",
            "yes",
            "--save",
            "",
        ]
        self._command = [program, *words]
        self.start()

    def url(self, port: int = 0) -> str:
        return f"redis://127.0.0.1:{port or self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self.answers, 20, "Redis answers")

    def forget(self) -> None:
        """Lose what is on the disk, while it does not run."""
        shutil.rmtree(self._folder)
        self._folder.mkdir()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def answers(self) -> bool:
        try:
            with redis.Redis(port=self.port) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


@contextmanager
def servers(folder: Path) -> Iterator[tuple[Postgres, Redis]]:
    """Both, ended in the end."""
    database = Postgres(folder / "postgres")
    try:
        broker = Redis(folder / "redis")
        try:
            yield database, broker
        finally:
            broker.kill()
    finally:
        with suppress(subprocess.CalledProcessError):
            database.stop()


class Proxy:
    """Passes on what comes at `port` to a server, and does harm when told to.

    `delay` is added on the way there, in seconds. While `holds`, nothing is passed on in either direction: the peers wait, as
    they do when a network goes away in silence. With `cut` in (0, 1], after what a client sent contains `cuts_after` the
    server's answer is awaited and thrown away with that probability, and both sides are cut: done, but reported lost.
    """

    def __init__(self, target: int, *, cuts_after: bytes) -> None:
        self._target, self._cuts_after = target, cuts_after
        self._random = random.Random(target)
        self.port = free_port()
        self.delay, self.cut, self.holds = 0.0, 0.0, False
        self.cuts = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        threading.Thread(target=self._run, name=f"proxy to {target}", daemon=True).start()
        assert self._ready.wait(10)

    def cut_all(self) -> int:
        """Cut every connection; how many there were."""
        count = len(self._writers) // 2
        self._loop.call_soon_threadsafe(self._abort)
        return count

    def _abort(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        self._ready.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, back}
        self._writers |= pair
        doomed = asyncio.Event()
        try:
            await asyncio.wait(
                [
                    asyncio.ensure_future(self._pass(reader, back, doomed, is_request=True)),
                    asyncio.ensure_future(self._pass(there, writer, doomed, is_request=False)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            for each in pair:
                each.transport.abort()
            self._writers -= pair

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event, *, is_request: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                while self.holds:
                    await asyncio.sleep(0.05)
                if is_request and self.delay:
                    await asyncio.sleep(self.delay)
                if is_request and self._cuts_after in data and self._random.random() < self.cut:
                    doomed.set()
                if not is_request and doomed.is_set():
                    self.cuts += 1
                    return
                writer.write(data)
                await writer.drain()
