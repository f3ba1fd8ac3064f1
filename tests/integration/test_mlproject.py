"""The entry points of mlflow/MLproject, run as a data scientist runs them, and the files beside it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from features.simulation import simulate
from serving.cli.main import cli
from training.registry import challenger, champion
from training.tracking import files_of, open_store, quiet_mlflow

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "mlflow"
ENTRY_POINTS = {"check", "features", "tune", "train", "backtest", "score"}
SETTINGS = """
[outcomes.churn]
horizons = [30]
[training]
bootstrap = 200
min_churned = [5, 5, 5]
"""


def declared() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / "MLproject").read_text(encoding="utf-8"))["entry_points"]


def test_the_entry_points_say_what_the_commands_take() -> None:
    found = declared()
    assert set(found) == ENTRY_POINTS
    for name, entry in found.items():
        if name not in cli.commands:
            continue
        options = {o for p in cli.commands[name].params if isinstance(p, click.Option) for o in p.opts}
        told = set(re.findall(r"(--[a-z][a-z-]*)", entry["command"]))
        assert told <= options, name
        assert set(re.findall(r"{(\w+)}", entry["command"])) == set(entry["parameters"]), name
        assert f" {name} " in entry["command"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a user stands: a small company, and settings that make do with it."""
    folder = tmp_path_factory.mktemp("a place")
    simulate(accounts=600, months=24, seed=3).write(folder / "the company")
    (folder / "tenure.toml").write_text(SETTINGS)
    return folder


@pytest.fixture
def standing(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That place as the working folder, its home's store named, and the programs of this environment found."""
    monkeypatch.chdir(place)
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "TENURE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place / '.tenure' / 'mlflow.db'}")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return place


def run(entry: str, **parameters: str) -> None:
    """What `mlflow run` does, without importing it anew."""
    with quiet_mlflow():
        from mlflow import projects

        projects.run(
            str(PROJECT),
            entry,
            parameters={"config": "tenure.toml", **parameters},
            env_manager="local",
            experiment_id="0",
        )


def by_entry_point(standing: Path) -> dict[str, Any]:
    """The runs in the experiment that MLflow takes by itself."""
    found = open_store(standing / ".tenure").search_runs(["0"])
    return {one.data.tags["mlflow.project.entryPoint"]: one for one in found}


@pytest.mark.slow
def test_an_entry_point_inherits_its_run(standing: Path) -> None:
    home = standing / ".tenure"
    run("check", data="the company")
    done = by_entry_point(standing)["check"]
    assert done.info.status == "FINISHED"
    assert done.info.run_name == "check of the company"
    assert done.data.metrics["set_aside.usage"] == 0
    assert "<html" in (files_of(open_store(home), home, done.info.run_id) / "report.html").read_text()
    assert {path.name for path in PROJECT.iterdir()} == {"MLproject", "README.md", "tenure.sh", "server"}


@pytest.mark.prove
def test_what_is_trained_and_scored_is_in_the_inherited_runs(standing: Path) -> None:
    home = standing / ".tenure"
    done = subprocess.run(
        [
            sys.executable, "-m", "mlflow", "run", str(PROJECT), "-e", "train", "--env-manager", "local",
            "--experiment-name", "mine", "-P", "data=the company", "-P", "config=tenure.toml", "-P", "outcome=churn",
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run("score", data="the company", as_of="2024-11-01", version="1", out="scores.parquet")
    assert Path("scores.parquet").exists()
    assert {path.name for path in PROJECT.iterdir()} == {"MLproject", "README.md", "tenure.sh", "server"}

    client = open_store(home)
    mine = client.get_experiment_by_name("mine")
    assert mine is not None
    (run_of_train,) = client.search_runs([mine.experiment_id])
    assert run_of_train.info.status == "FINISHED"
    assert "churn" in run_of_train.info.run_name
    assert run_of_train.data.tags["mlflow.project.entryPoint"] == "train"
    assert run_of_train.data.params["outcome"] == "churn"
    assert run_of_train.data.params["training.bootstrap"] == "200"
    assert run_of_train.data.metrics["30 days/log loss"] > 0
    model = champion(home) or challenger(home)
    assert model is not None
    assert model.run_id == run_of_train.info.run_id
    assert (model.folder / "model.json").exists()

    run_of_score = by_entry_point(standing)["score"]
    assert run_of_score.info.status == "FINISHED"
    assert run_of_score.data.params["model_version"] == "1"
    assert run_of_score.data.metrics["accounts.ok"] > 100


@pytest.mark.slow
def test_what_the_command_refuses_fails_the_run(standing: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from mlflow.exceptions import ExecutionException

    with pytest.raises(ExecutionException, match="failed"):
        run("train", data="nowhere")
    assert re.search(r"^tenure: .*nowhere", capfd.readouterr().err, re.MULTILINE)
    (failed,) = open_store(standing / ".tenure").search_runs(["0"], "attributes.status = 'FAILED'")
    assert "nowhere" in failed.data.tags["mlflow.note.content"]


def services() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / "server" / "compose.yaml").read_text(encoding="utf-8"))["services"]


def test_the_compose_file_pins_waits_and_holds_no_secret() -> None:
    found = services()
    assert {"postgres", "objects", "mlflow"} <= set(found)
    for name, service in found.items():
        assert re.search(r":\d[\w.-]*$", service["image"]), f"{name} is not pinned"
        assert "healthcheck" in service or service["restart"].startswith("on-failure"), name
        for key, value in service["environment"].items():
            if re.search("PASSWORD|SECRET|ACCESS_KEY", key):
                assert re.fullmatch(r"\$\{\w+:\?set it in .env\}", value), f"{key} of {name}"
        for below in service.get("depends_on", {}):
            assert below in found
    assert all(port.startswith("127.0.0.1:") for port in found["mlflow"]["ports"])
    example = (PROJECT / "server" / "env.example").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{(\w+)", (PROJECT / "server" / "compose.yaml").read_text(encoding="utf-8")))
    assert asked == set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    assert set(re.findall(r"^(\w+)=.+", example, re.MULTILINE)) == {"ALLOWED_HOSTS"}
    assert "mlflow/server/.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_the_server_runs_the_version_that_is_locked() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    image = (PROJECT / "server" / "Dockerfile").read_text(encoding="utf-8")
    for package in ("mlflow", "psycopg"):
        (locked,) = re.findall(rf"^{package}==(\S+)", lock, re.MULTILINE)
        assert re.findall(rf'"{package}\[\w+\]==([^"]+)"', image) == [locked]
    assert services()["mlflow"]["image"].endswith(re.findall(r"^mlflow==(\S+)", lock, re.MULTILINE)[0])


def test_the_servers_command_is_one_that_mlflow_takes() -> None:
    with quiet_mlflow():
        from mlflow.cli import server
    words = services()["mlflow"]["command"].split()
    assert words[:2] == ["mlflow", "server"]
    options = {o for p in server.params for o in p.opts}
    assert {word for word in words if word.startswith("--")} <= options
    read = {name for p in server.params for name in ([p.envvar] if isinstance(p.envvar, str) else p.envvar or [])}
    set_here = {
        name for name in services()["mlflow"]["environment"] if re.match("MLFLOW_(SERVER_A|BACKEND|ARTIFACTS)", name)
    }
    assert set_here == {"MLFLOW_SERVER_ALLOWED_HOSTS", "MLFLOW_BACKEND_STORE_URI", "MLFLOW_ARTIFACTS_DESTINATION"}
    assert set_here <= read
