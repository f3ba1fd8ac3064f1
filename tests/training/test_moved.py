"""A home that was moved or copied is whole where it is, and leaves its old place alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from training.kernel import load_kernel
from training.moved import follow
from training.registry import champion, version
from training.tracking import files_of, open_store
from training.train import train_dataset

NAMES = ("tenure-churn", "tenure-expansion")


@pytest.fixture
def copied(trained: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained[0], tmp_path / "a copy"))


def state(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def asked(home: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "mlflow.db")) as con:
        return con.execute(query).fetchall()


def dump(home: Path) -> str:
    with closing(sqlite3.connect(home / "mlflow.db")) as con:
        return "\n".join(con.iterdump())


def test_a_copy_trains_without_its_original(
    trained: Any, settings: Any, quick: Any, make_dataset: Any, tmp_path: Path
) -> None:
    original = Path(shutil.copytree(trained[0], tmp_path / "first" / "home"))
    open_store(original)
    before = state(original)
    copy = Path(shutil.copytree(original, tmp_path / "second" / "home"))
    result = train_dataset(make_dataset(accounts=500), settings, copy, recipe=quick)
    assert result.artifacts.is_relative_to(copy)
    assert (result.artifacts / "holdout.parquet").exists()
    assert state(original) == before
    assert str(original) not in dump(copy)
    shutil.rmtree(original)
    client = open_store(copy)
    for number in ("1", "2", result.version):
        found = version(copy, number)
        load_kernel(found.folder)
        assert found.card
        run = client.get_run(found.run_id)
        there = Path(client.download_artifacts(found.run_id, "card.html", str(tmp_path)))
        assert there.read_bytes() == (copy / "artifacts" / found.run_id / "artifacts" / "card.html").read_bytes()
        assert client.get_model_version("tenure-churn", number).source == f"{run.info.artifact_uri}/model"
    best = champion(copy)
    assert best is not None
    assert best.folder.is_relative_to(copy)
    assert not original.exists()


def test_only_what_moved_is_altered_and_only_once(copied: Path, trained: Any) -> None:
    open_store(trained[0])
    there, here = dump(trained[0]), (copied / "artifacts").as_uri()
    old = (trained[0] / "artifacts").as_uri()
    assert follow(copied / "mlflow.db", NAMES)
    assert dump(copied) == there.replace(old, here)
    assert "a%20copy" in here
    assert not follow(copied / "mlflow.db", NAMES)
    assert dump(copied) == there.replace(old, here)


def test_files_kept_elsewhere_on_purpose_stay_there(copied: Path, tmp_path: Path) -> None:
    open_store(copied)
    with closing(sqlite3.connect(copied / "mlflow.db")) as con, con:
        con.execute("UPDATE experiments SET artifact_location = 's3://ours/artifacts' WHERE name = 'tenure-churn'")
        con.execute("UPDATE experiments SET artifact_location = ? WHERE name != 'tenure-churn'", [tmp_path.as_uri()])
        con.execute("UPDATE runs SET artifact_uri = 's3://ours/artifacts/' || run_uuid || '/artifacts'")
    before = dump(copied)
    assert not follow(copied / "mlflow.db", NAMES)
    assert dump(copied) == before
    shutil.rmtree(copied / "artifacts")
    assert not follow(copied / "mlflow.db", NAMES)


def test_a_run_whose_files_were_left_behind_is_still_found(copied: Path, trained: Any) -> None:
    home, (clear, noise) = trained
    shutil.rmtree(copied / "artifacts" / noise.run_id)
    client = open_store(copied)
    uris = dict(asked(copied, "SELECT run_uuid, artifact_uri FROM runs"))
    assert uris[clear.run_id].startswith((copied / "artifacts").as_uri())
    assert uris[noise.run_id].startswith((home / "artifacts").as_uri())
    assert json.loads((files_of(client, copied, noise.run_id) / "evaluation.json").read_text())["outcome"] == "churn"
    assert asked(copied, "SELECT artifact_location FROM experiments WHERE name = 'tenure-churn'") == [
        ((copied / "artifacts").as_uri(),)
    ]


def test_a_store_that_somebody_named_is_left(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dump(copied)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{copied / 'mlflow.db'}")
    open_store(copied)
    assert dump(copied) == before


def test_what_is_no_store_is_left_to_mlflow(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no store")
    (tmp_path / "empty").touch()
    assert not follow(tmp_path / "text", NAMES)
    assert not follow(tmp_path / "empty", NAMES)
    assert (tmp_path / "text").read_text() == "no store"
