"""The server as a process: started from anywhere, from the checkout and from a built bento."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pandas as pd
import psutil
import pytest
import yaml

from features.errors import TenureError
from serving.cli.main import cli
from serving.launch import environment, serve
from serving.store.address import address_of
from serving.store.store import Store
from serving.store.tokens import create
from serving.store.writing import write_day

ROOT = Path(__file__).resolve().parents[2]
DAY = dt.date(2026, 2, 1)
HEADERS = {"content-type": "application/json"}
START_SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(arguments: list[str], *, port: int, cwd: Path, env: dict[str, str], log: Path) -> Iterator[httpx.Client]:
    """A server, which is ended with all its workers."""
    with log.open("wb") as sink:
        process = subprocess.Popen(arguments, cwd=cwd, env=env, stdout=sink, stderr=subprocess.STDOUT)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                _wait(client, process, log)
                yield client
        finally:
            # Its workers have process groups of their own, so that only their descent tells that they are ours.
            family = []
            if process.poll() is None:
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                process.terminate()
            _, left = psutil.wait_procs(family, timeout=20)
            for one in left:
                one.kill()
            process.wait(10)
        assert left == [], "the server did not end when told to"


def _wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if client.get("/livez").status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"The server did not start:\n{log.read_text()}")


def bare_environment(**more: str) -> dict[str, str]:
    """This environment without what a developer may have set."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BENTOML_", "TENURE_", "MLFLOW_", "PYTHON"))}
    return {**kept, **more}


def scored(home: Path, frame: pd.DataFrame, as_of: dt.date = DAY) -> dict[str, str]:
    """Store a day in a home; the header with a token of every scope."""
    with Store.open(address_of(home)) as store:
        write_day(store, frame, as_of)
        return {"authorization": f"Bearer {create(store, 'tests', ['score', 'read', 'admin'])[1]}"}


def check_answers(client: httpx.Client) -> None:
    """What every way of serving must answer."""
    assert httpx.post(f"{client.base_url}/score", json={"account_ids": ["a-1"]}).status_code == 401
    response = client.post("/score", json={"account_ids": ["a-1", "nobody"], "explain": 2})
    assert response.status_code == 200
    assert int(response.headers["age"]) > 0
    first, second = response.json()["results"]
    assert first["reading"].startswith("about 1 in 5")
    assert len(first["drivers"]) == 3
    assert second["error"]["type"] == "urn:tenure:problem:unknown-account"
    refused = client.post("/score_features", json={"rows": [{"mrr": 1}]})
    assert refused.status_code == 503
    assert refused.json()["type"] == "urn:tenure:problem:no-champion"
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["as_of"] == "2026-02-01"


@pytest.mark.slow
def test_a_real_server_answers_for_itself(tmp_path: Path, make_frame: Callable[..., pd.DataFrame]) -> None:
    home, port = tmp_path / "home", free_port()
    bearer = scored(home, make_frame())
    # Started in a folder whose names would shadow ours, as the installed command is.
    elsewhere = tmp_path / "elsewhere"
    for name in ("features", "serving", "training", "mlflow"):
        (elsewhere / name).mkdir(parents=True)
        (elsewhere / name / "__init__.py").write_text("raise ImportError('shadowed')")
    start = (
        "from pathlib import Path; from serving.launch import serve; from serving.store.address import address_of; "
        "serve(Path('../home'), address_of(Path('../home')), port={})"
    )
    arguments = [sys.executable, "-P", "-c", start.format(port)]
    env = bare_environment(__BENTOML_DEBUG_USAGE="True")
    log = tmp_path / "log"
    with running(arguments, port=port, cwd=elsewhere, env=env, log=log) as client:
        client.headers.update(bearer)
        assert client.get("/livez").json() == {"status": "alive"}
        check_answers(client)
        page = client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "://" not in page.text
        for path in ("/docs.json", "/schema.json", "/healthz", "/static_content/x", "/nope-4711", "/score/"):
            response = client.get(path)
            assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
        response = client.get("/score")
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
        assert response.headers["content-type"] == "application/problem+json"
        response = client.post("/score", content=b" " * (9 * 2**20), headers=HEADERS)
        assert (response.status_code, response.json()["type"]) == (413, "urn:tenure:problem:body-too-large")
        response = client.post("/score", content=b"[" * 100_000, headers=HEADERS)
        assert (response.status_code, response.json()["type"]) == (400, "urn:tenure:problem:bad-json")
        metrics = client.get("/metrics")
        assert metrics.status_code == 200
        assert 'tenure_requests_total{route="score",status="200"} 1.0' in metrics.text
        assert "nope-4711" not in metrics.text  # made-up addresses must not pile up as labels
        # A day scored while it runs.
        newer = dt.date(2026, 2, 2)
        scored(home, make_frame(newer, version="4"), newer)
        time.sleep(0.6)
        assert client.post("/score", json={"account_ids": ["a-1"]}).json()["model_version"] == "4"
    assert "Traceback" not in log.read_text()
    assert "Tracking" not in log.read_text()
    assert not (home / "mlflow.db").exists()  # looking for a champion makes no store
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", port), 5):
        pass


@pytest.mark.slow
def test_a_built_bento_serves(tmp_path: Path, make_frame: Callable[..., pd.DataFrame]) -> None:
    home, port = tmp_path / "home", free_port()
    bearer = scored(home, make_frame())
    env = bare_environment(BENTOML_HOME=str(tmp_path / "bentoml"), BENTOML_DO_NOT_TRACK="True", TENURE_HOME=str(home))
    # bentoml looks uv up, and installs it when it is absent, though the bentofile has it lock nothing. This one
    # satisfies the look-up and shows that building runs no resolver and needs no network.
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text("#!/bin/sh\nexit 1\n")
    uv.chmod(0o755)
    env["PATH"] = f"{uv.parent}{os.pathsep}{env['PATH']}"
    bentoml = [sys.executable, "-P", "-m", "bentoml"]
    built = subprocess.run([*bentoml, "build", "--output", "tag"], env=env, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    tag = next(line for line in built.stdout.splitlines() if line.startswith("__tag__:")).removeprefix("__tag__:")
    name, _, version = tag.partition(":")
    bento = tmp_path / "bentoml" / "bentos" / name / version
    source = {path.relative_to(bento / "src").parts[0] for path in (bento / "src").rglob("*") if path.is_file()}
    assert source == {"features", "training", "success", "serving", "pyproject.toml", "LICENSE", "bentofile.yaml"}
    assert not list((bento / "src").rglob("*.pyc"))
    locked = (bento / "env" / "python" / "requirements.txt").read_text()
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            assert line.removesuffix("\\").split(";")[0].strip() in locked
    assert yaml.safe_load((bento / "bento.yaml").read_text())["service"] == "serving.service:Tenure"
    arguments = [*bentoml, "serve", tag, "--host", "127.0.0.1", "--port", str(port)]
    log = tmp_path / "log"
    with running(arguments, port=port, cwd=tmp_path, env=env, log=log) as client:
        client.headers.update(bearer)
        check_answers(client)
        assert 'tenure_requests_total{route="score",status="200"} 1.0' in client.get("/metrics").text
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(
    ("host", "port", "workers", "says"),
    [
        ("no such host", 3000, 1, "--host 127.0.0.1"),
        ("127.0.0.1", 0, 1, "--port"),
        ("127.0.0.1", 70000, 1, "--port"),
        ("127.0.0.1", 3000, 0, "workers"),
        ("192.0.2.1", 3000, 1, "--port"),  # an address that is not this machine's
    ],
)
def test_what_cannot_be_served_on_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], host: str, port: int, workers: int, says: str
) -> None:
    with pytest.raises(TenureError, match=says):
        serve(tmp_path, address_of(tmp_path), host, port, workers)
    assert capsys.readouterr() == ("", "")


def test_where_it_serves_is_said_when_nothing_stands_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class ReplacedError(Exception):
        pass

    def become(*_: object) -> None:
        raise ReplacedError

    monkeypatch.setattr(os, "execve", become)
    monkeypatch.chdir(tmp_path)  # and back, since serving changes the folder
    port = free_port()
    with pytest.raises(ReplacedError):
        serve(tmp_path, address_of(tmp_path), port=port)
    assert capsys.readouterr() == ("", f"Serving {tmp_path} on http://127.0.0.1:{port}; stop with Ctrl-C.\n")


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(TenureError, match="in use"):
            serve(tmp_path, address_of(tmp_path), "localhost", other.getsockname()[1])


def test_settings_that_cannot_be_read_are_said_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, broken = tmp_path / "home", tmp_path / "tenure.toml"
    broken.write_text("[calls\n")
    for file in (broken, tmp_path / "absent.toml"):
        with pytest.raises(TenureError, match=file.name):
            serve(home, address_of(home), port=free_port(), config=file)
    assert capsys.readouterr() == ("", "")
    assert not home.exists()


def test_the_service_is_told_where_its_settings_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENURE_CONFIG", "elsewhere.toml")
    address = address_of(tmp_path)
    assert environment(tmp_path, address, 3000, 1, config=Path("a.toml"))["TENURE_CONFIG"] == str(tmp_path / "a.toml")
    assert environment(tmp_path, address, 3000, 1)["TENURE_CONFIG"] == ""


def test_a_service_with_settings_that_cannot_be_read_ends_with_one_sentence(tmp_path: Path) -> None:
    """As a bento, which nothing has looked at the settings for."""
    (tmp_path / "tenure.toml").write_text("[call]\ncapacity = 3\n")
    env = bare_environment(TENURE_HOME=str(tmp_path), TENURE_CONFIG=str(tmp_path / "tenure.toml"))
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import serving.service"], env=env, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert done.stderr.startswith("tenure: ")
    assert "calls" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "variable", "file"),
    [
        (["serve", "--config", "after.toml"], "", "after.toml"),
        (["--config", "before.toml", "serve"], "", "before.toml"),
        (["--config", "before.toml", "serve", "--config", "after.toml"], "variable.toml", "after.toml"),
        (["serve"], "variable.toml", "variable.toml"),
        (["serve"], "", None),
    ],
)
def test_settings_are_those_that_were_named_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], variable: str, file: str | None
) -> None:
    found: list[Path | None] = []
    monkeypatch.setattr("serving.launch.serve", lambda *given: found.append(given[-1]))
    monkeypatch.setenv("TENURE_CONFIG", variable)
    cli.main([*arguments, "--home", str(tmp_path)], standalone_mode=False)
    assert found == [Path(file) if file else None]
