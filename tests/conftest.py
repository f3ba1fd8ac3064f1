"""What the tests share: one made-up company, one trained and scored home, and one real server on it."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from features.history import History
from features.settings import load_settings
from features.simulation import simulate
from serving.cli.main import main

# Whoever runs these tests may track their own runs elsewhere.
for _name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID"):
    os.environ.pop(_name, None)

# At 365 days this company can only be validated by folds of accounts, so that this is met everywhere.
SETTINGS = """
[outcomes.churn]
horizons = [30, 90, 365]
[outcomes.expansion]
horizons = [30, 90]
[training]
bootstrap = 500
"""


class Tenure:
    """The command line, called in this process as a user calls it in theirs."""

    out = ""
    err = ""

    def __call__(self, *arguments: object) -> int:
        """Exit code of `tenure ARGUMENTS`; what it printed is in `out` and `err`."""
        out, err = io.StringIO(), io.StringIO()
        code = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main([str(a) for a in arguments])
            except SystemExit as stop:
                code = int(stop.code or 0)
        self.out, self.err = out.getvalue(), err.getvalue()
        return code


@pytest.fixture
def tenure() -> Tenure:
    return Tenure()


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a made-up company of 1,500 accounts over 30 months, and its truth."""
    folder = tmp_path_factory.mktemp("company")
    simulate(accounts=1500, months=30, seed=1).write(folder)
    return folder


@pytest.fixture(scope="session")
def settings_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings with fewer resamples and horizons, for speed."""
    file = tmp_path_factory.mktemp("settings") / "tenure.toml"
    file.write_text(SETTINGS)
    return file


@pytest.fixture(scope="session")
def history(company: Path, settings_file: Path) -> History:
    return History.open(company, load_settings(settings_file))


@pytest.fixture(scope="session")
def home(company: Path, settings_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which `tenure train` has run, for churn and expansion; tests do not change it."""
    home = tmp_path_factory.mktemp("home")
    run = Tenure()
    code = run("train", company, "--home", home, "--config", settings_file)
    assert code == 0, run.err
    (home / "train.txt").write_text(run.out)
    return home


@pytest.fixture(scope="session")
def scored_home(home: Path, company: Path, settings_file: Path, history: History) -> Path:
    """The same home after `tenure score` on the last observed day."""
    run = Tenure()
    code = run("score", company, "--as-of", history.observed_until, "--home", home, "--config", settings_file)
    assert code == 0, run.err
    (home / "score.txt").write_text(run.out)
    return home


@pytest.fixture(scope="session")
def server(scored_home: Path) -> Iterator[str]:
    """The address of a real `tenure serve` on the scored home."""
    with _serving(scored_home) as address:
        yield address


@pytest.fixture(scope="session")
def serving() -> Callable[..., contextlib.AbstractContextManager[str]]:
    """`serving(home, command)`: a real server for as long as the context lasts; its address."""
    return _serving


@contextlib.contextmanager
def _serving(home: Path, command: list[str] | None = None, **variables: str) -> Iterator[str]:
    """Start a server on a free port, wait until it is alive, and stop it with all its processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [*(command or [sys.executable, "-m", "serving.cli", "serve", "--home", str(home)]), "--port", str(port)]
    log = home / f"server-{port}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(arguments, stdout=sink, stderr=sink, env={**os.environ, **variables})
        address = f"http://127.0.0.1:{port}"
        try:
            _await_alive(address, process, log)
            yield address
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers, which have process groups of their own."""
    if process.poll() is None:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.terminate()
        for left in psutil.wait_procs(family, timeout=20)[1]:
            left.kill()
    process.wait(10)


def _await_alive(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/livez", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the server did not come up: {log.read_text(errors='replace')[-2000:]}")
