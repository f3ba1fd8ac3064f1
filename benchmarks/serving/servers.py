"""Servers: a command in, a running HTTP server on a free port of this machine out, stopped with all its processes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving.load import Plan

__all__ = ["Load", "Server", "ask", "bare", "load", "plain", "running", "tenure"]

_ROOT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Server:
    """A running server.

    Parameters
    ----------
    log : what its processes said.
    """

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def family(self) -> list[psutil.Process]:
        """Its processes, the first one first."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """The processes of BentoML that answer requests."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                if "--worker-id" in process.cmdline():
                    found.append(process)
        return found

    def cpu(self) -> float:
        """Seconds on the processor so far, of all processes that live."""
        total = 0.0
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                spent = process.cpu_times()
                total += spent.user + spent.system
        return total

    def stop(self) -> None:
        """End it and its workers, which have process groups of their own."""
        if self.process.poll() is None:
            family = self.family()
            self.process.terminate()
            for left in psutil.wait_procs(family, timeout=20)[1]:
                left.kill()
        self.process.wait(10)


def tenure(home: Path, workers: int, url: str | None = None) -> list[str]:
    """Our service, as a user starts it: on the store of the home, or on the one at an address."""
    arguments = [sys.executable, "-m", "serving.cli", "serve", "--home", str(home), "--workers", str(workers)]
    return [*arguments, *(["--store", url] if url else [])]


def plain() -> list[str]:
    """The look-up as a BentoML service that one would write first; see `benchmarks.serving.plain`."""
    arguments = [sys.executable, "-m", "bentoml", "serve", "benchmarks.serving.plain:Plain"]
    return [*arguments, "--working-dir", str(_ROOT), "--host", "127.0.0.1"]


def bare(workers: int) -> list[str]:
    """Our application without BentoML; see `benchmarks.serving.bare`."""
    arguments = [sys.executable, "-m", "uvicorn", "benchmarks.serving.bare:app", "--workers", str(workers)]
    return [*arguments, "--host", "127.0.0.1", "--no-access-log"]


@contextlib.contextmanager
def running(command: Sequence[str], scratch: Path, **variables: str) -> Iterator[Server]:
    """A command on a free port, from when /livez answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = scratch / f"server-{port}.log"
    # One thread a process, as each worker is one; and nothing is reported to anybody.
    said = {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(scratch / "bentoml" / str(port)), **variables}
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*command, "--port", str(port)], stdout=sink, stderr=sink, cwd=_ROOT, env={**os.environ, **said}
        )
    server = Server(f"http://127.0.0.1:{port}", process, log)
    try:
        _await(server)
        yield server
    finally:
        server.stop()


def _await(server: Server) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.address}/livez", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"The server did not come up: {server.log.read_text(errors='replace')[-2000:]}")


def ask(server: Server, path: str, document: Any = None, headers: dict[str, str] | None = None) -> bytes:
    """The body of one answer, to a POST of a document or to a GET.

    Raises
    ------
    urllib.error.HTTPError : the answer is an error.
    """
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(
        server.address + path, body, {"Content-Type": "application/json", **(headers or {})}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return bytes(answer.read())


class Load:
    """A generator of load at work in a process of its own.

    Parameters
    ----------
    plan : what it is to send.
    """

    def __init__(self, plan: Plan) -> None:
        command = [sys.executable, "-m", "benchmarks.serving.load"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT, text=True)
        assert self._process.stdin is not None
        json.dump(dataclasses.asdict(plan), self._process.stdin)
        self._process.stdin.close()
        self._process.stdin = None

    def stop(self) -> dict[str, Any]:
        """Let it send no more; what `benchmarks.serving.load.drive` returned."""
        self._process.terminate()
        return self.result()

    def result(self) -> dict[str, Any]:
        """What `benchmarks.serving.load.drive` returned, once it has."""
        told, _ = self._process.communicate(timeout=600)
        if self._process.returncode:
            raise RuntimeError(f"The generator of load ended with {self._process.returncode}.")
        return dict(json.loads(told))


def load(plan: Plan) -> dict[str, Any]:
    """What became of the requests of a plan."""
    return Load(plan).result()
