"""Where runs go and which run is whose, on a store that is a file; what a real server does is beside this."""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import TenureError
from training import addresses, tracking
from training.addresses import absent, first_answer, stores_of, without_secrets
from training.registry import champion, moves
from training.tracking import (
    end_run,
    files_of,
    log_run,
    note_failure,
    note_inherited,
    open_store,
    require_inherited,
    require_store,
    start_run,
)

SECRET = "s3cret/p%40ss"


@pytest.fixture(scope="module")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new store, which takes long to make, where the environment says: in a file beside no home."""
    database = tmp_path_factory.mktemp("new") / "runs" / "mine.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
        open_store(database.parents[1] / "home")
    assert not (database.parents[1] / "home").exists()
    return database


@pytest.fixture
def home(new_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tracking, "_TAKEN", set())
    (tmp_path / "home").mkdir()
    shutil.copy(new_store, tmp_path / "home" / "mlflow.db")
    return tmp_path / "home"


@pytest.fixture
def inherit(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Make a run as `mlflow run` does, in the experiment Default, and hand it on."""

    def make(name: str | None = None, **parameters: str) -> str:
        client = open_store(home)
        run = client.create_run("0", run_name=name)
        for key, value in parameters.items():
            client.log_param(run.info.run_id, key, value)
        monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
        return str(run.info.run_id)

    return make


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_environment_names_the_store(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "else where" / "runs.db"
    elsewhere.parent.mkdir()
    shutil.copy(home / "mlflow.db", elsewhere)
    assert stores_of(home).file == home / "mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere}")
    assert stores_of(home).file == elsewhere
    run = start_run(open_store(home), "churn", "kept elsewhere")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert not open_store(home).search_runs(["1", "2"])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere}")
    assert open_store(tmp_path / "no home").get_run(run.info.run_id).info.run_name == "kept elsewhere"
    assert not (tmp_path / "no home").exists()


def test_a_registry_of_its_own(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = tmp_path / "registry.db"
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"sqlite:///{registry}")
    assert not stores_of(home).exist()
    assert champion(home) is None
    assert not registry.exists()
    shutil.copy(home / "mlflow.db", registry)
    client = open_store(home)
    client.create_registered_model("tenure-churn")
    monkeypatch.delenv("MLFLOW_REGISTRY_URI")
    assert not open_store(home).search_registered_models()


@pytest.mark.parametrize(
    "uri", ["sqlite:///mlflow.db", "sqlite:///some/../mlflow.db", "sqlite://", "sqlite:///:memory:"]
)
def test_an_address_that_moves_with_the_folder_is_refused(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(
        TenureError, match=r"another file in every folder; write it with its whole path, as sqlite:////"
    ):
        open_store(tmp_path / "home")
    assert not os.listdir(tmp_path)


def test_new_stores_keep_files_beside_them(new_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shutil.copy(new_store, tmp_path)}")
    client = open_store(tmp_path / "home")
    run = start_run(client, "expansion", "one")
    assert run.info.artifact_uri == (new_store.parent / "mlruns" / run.info.run_id / "artifacts").as_uri()
    client.log_text(run.info.run_id, "told", "a/note.txt")
    assert (files_of(client, tmp_path / "home", run.info.run_id, "a") / "note.txt").read_text() == "told"
    assert not (tmp_path / "home").exists()


def test_the_first_run_is_the_inherited_one_and_others_are_below_it(home: Path, inherit: Callable[..., str]) -> None:
    client = open_store(home)
    given = inherit()
    first = start_run(client, "churn", "churn, known on 2025-01-01")
    second = start_run(client, "expansion", "expansion, known on 2025-01-01")
    below = start_run(client, "churn", "trial 1", parent=second.info.run_id)
    assert first.info.run_id == given
    assert first.info.run_name == "churn, known on 2025-01-01"
    assert first.data.tags["mlflow.note.content"] == "churn, known on 2025-01-01"
    assert {run.info.experiment_id for run in (first, second, below)} == {"0"}
    assert second.data.tags["mlflow.parentRunId"] == given
    assert below.data.tags["mlflow.parentRunId"] == second.info.run_id
    assert [run.data.tags["tenure.outcome"] for run in (first, second, below)] == ["churn", "expansion", "churn"]
    for run in (first, second, below):
        end_run(client, run.info.run_id)
    assert [client.get_run(run.info.run_id).info.status for run in (first, second, below)] == [
        "RUNNING", "FINISHED", "FINISHED",
    ]  # fmt: skip


def test_nothing_inherited(home: Path) -> None:
    client = open_store(home)
    run = start_run(client, "expansion", "mine")
    assert client.get_experiment(run.info.experiment_id).name == "tenure-expansion"
    assert "mlflow.parentRunId" not in run.data.tags
    below = start_run(client, "expansion", "below", parent=run.info.run_id)
    assert below.info.experiment_id == run.info.experiment_id


@pytest.mark.parametrize(
    ("name", "kept"),
    [("bemused-crab-42", False), (None, False), ("nightly", True), ("train-churn-7", True), ("bemused-crab", True)],
)
def test_a_name_that_a_person_gave_stays(home: Path, inherit: Callable[..., str], name: str | None, kept: bool) -> None:
    inherit(name)
    run = start_run(open_store(home), "churn", "ours")
    assert run.info.run_name == (name if kept else "ours")
    assert run.data.tags["mlflow.note.content"] == "ours"


def test_what_the_project_was_asked_is_not_written_over(
    home: Path, inherit: Callable[..., str], tmp_path: Path
) -> None:
    given = inherit(None, outcome="all", data="company")
    for part in ("files", "model"):
        (tmp_path / part).mkdir()
        (tmp_path / part / f"{part}.txt").write_text(part)
    many = {f"p{n}": n for n in range(250)}
    run_id, source = log_run(
        open_store(home),
        name="n",
        parameters={"outcome": "churn", **many},
        metrics={"a": 1.0, "b": float("nan"), **{f"m{n}": n for n in range(1200)}},
        tags={"tenure.x": "y"},
        files=tmp_path / "files",
        model=tmp_path / "model",
    )
    assert run_id == given
    run = open_store(home).get_run(given)
    assert run.data.params == {"outcome": "all", "data": "company", **{key: str(n) for key, n in many.items()}}
    assert len(run.data.metrics) == 1201
    assert source.endswith(f"/{given}/artifacts/model")
    folder = files_of(open_store(home), home, given)
    assert sorted(path.name for path in folder.rglob("*.txt")) == ["files.txt", "model.txt"]
    assert run.info.status == "RUNNING"


def test_a_run_that_is_in_another_store(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    said = f"names the run {'0' * 32}, which is not in .*; unset it, or set MLFLOW_TRACKING_URI"
    for refused in (
        lambda: require_inherited(home),
        lambda: start_run(open_store(home), "churn", "n"),
        lambda: start_run(open_store(home), "churn", "n", parent="1" * 32),
        lambda: note_inherited(home, "n", {}, {}),
        lambda: require_inherited(tmp_path / "none"),
    ):
        with pytest.raises(TenureError, match=said.replace("0" * 32, "[01]{32}")):
            refused()
    assert not (tmp_path / "none").exists()
    assert champion(home) is None  # whoever only asks needs no run


def test_notes_go_into_the_inherited_run_only(home: Path, inherit: Callable[..., str]) -> None:
    note_inherited(home, "check of company", {"rows": 3}, {"set_aside.usage": 2})
    assert not open_store(home).search_runs(["0", "1", "2"])
    given = inherit(None, data="company")
    note_inherited(home, "check of company", {"rows": 3}, {"set_aside.usage": 2}, {"report.html": "<p>"})
    run = open_store(home).get_run(given)
    assert (run.info.run_name, run.info.status) == ("check of company", "RUNNING")
    assert run.data.params == {"data": "company", "rows": "3"}
    assert run.data.metrics == {"set_aside.usage": 2}
    assert (files_of(open_store(home), home, given) / "report.html").read_text() == "<p>"


def test_why_a_command_failed_stands_in_its_run(
    home: Path, inherit: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = inherit()
    note_failure("There is too little.")  # no store is named, so this says nothing anywhere
    assert not Path("mlflow.db").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home / 'mlflow.db'}")
    note_failure("There is too little.")
    assert open_store(home).get_run(given).data.tags["mlflow.note.content"] == "There is too little."
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")
    note_failure("There is too little.")


def test_without_a_run_nothing_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from training.tracking import note_inherited, require_inherited; "
        "note_inherited(Path('.'), 'n', {}, {}); require_inherited(Path('.')); "
        "assert not {'mlflow', 'sqlalchemy', 'matplotlib'} & set(sys.modules)"
    )
    path = str(Path(__file__).resolve().parents[2])
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, check=True)
    assert not os.listdir(tmp_path)


def test_a_deleted_experiment_is_said_so(home: Path) -> None:
    client = open_store(home)
    client.delete_experiment(client.get_experiment_by_name("tenure-churn").experiment_id)
    with pytest.raises(TenureError, match="mlflow experiments restore --experiment-id"):
        open_store(home)


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_a_store_that_does_not_answer_is_told_quickly(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = closed_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://me:{SECRET}@127.0.0.1:{port}/runs")
    before = dict(os.environ)
    for ask in (open_store, champion, moves, require_store):
        began = time.monotonic()
        with pytest.raises(TenureError) as refused:
            ask(tmp_path / "home")
        assert time.monotonic() - began < 20
        said = str(refused.value)
        assert f"127.0.0.1:{port}" in said
        assert "unset" in said
        assert "\n" not in said
        assert not any(part in said for part in ("me:", "s3cret", "p%40ss", "p@ss"))
    assert dict(os.environ) == before
    assert not os.listdir(tmp_path)


def test_only_a_store_that_was_never_heard_from_is_given_up_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "_ANSWERED", set())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.invalid")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    seen = []
    for failing in (True, False, False):
        with contextlib.suppress(TenureError), first_answer(stores_of(tmp_path)):
            seen.append(os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES"))
            assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
            if failing:
                raise TenureError("No answer.")
    assert seen == ["1", "1", None]


@pytest.fixture
def answering() -> Iterator[Callable[[int, bytes], str]]:
    """A server that answers everything with one status and text; its address."""
    servers: list[http.server.HTTPServer] = []

    def start(status: int, text: bytes) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *arguments: object) -> None:
                """Says nothing."""

        servers.append(http.server.HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (401, b"You are not authenticated.", "refuses us; check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        (403, b"Permission denied", "refuses us; check MLFLOW_TRACKING_USERNAME"),
        (
            403,
            b"Invalid Host header - possible DNS rebinding",
            "its --allowed-hosts leave out the name",
        ),
        (200, b"<html>a page of something else</html>", "Check MLFLOW_TRACKING_URI, or unset it"),
    ],
)
def test_a_server_that_refuses(
    status: int,
    text: bytes,
    said: str,
    answering: Callable[[int, bytes], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = answering(status, text)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(TenureError, match=said) as refused:
        champion(tmp_path)
    assert address in str(refused.value)
    assert "\n" not in str(refused.value)


def test_not_there_and_not_answering_are_two_things() -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, RESOURCE_DOES_NOT_EXIST

    assert absent(MlflowException("no such model", RESOURCE_DOES_NOT_EXIST))
    assert not absent(MlflowException("Max retries exceeded", INTERNAL_ERROR))
    assert not absent(ValueError())


@given(st.text("abc:%/?=&@", max_size=12), st.sampled_from(["http", "postgresql+psycopg", "mysql"]))
def test_no_address_shows_its_password(password: str, scheme: str) -> None:
    told = without_secrets(f"tried {scheme}://me:XYZ{password}ZYX@host:1/runs?password=XYZ and gave up")
    assert told == f"tried {scheme}://host:1/runs?password=... and gave up"
