"""Moves of the champion alias, on versions that are files only: what they forecast is not looked at here."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from pathlib import Path

import pytest

from features.errors import TenureError
from training import registry
from training.gate import Decision
from training.registry import challenger, champion, moves, promote, register, rollback, version
from training.tracking import open_store, tracked_name


def load(folder: Path) -> None:
    if not (Path(folder) / "model.json").exists():
        raise ValueError(f"There is no readable model.json in {folder}.")


@pytest.fixture(autouse=True)
def files_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load_kernel", load)


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a new store, which takes long to make."""
    home = tmp_path_factory.mktemp("empty")
    open_store(home)
    return home


@pytest.fixture
def home(empty_store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(empty_store, tmp_path / "home"))


def train(home: Path, *, passed: bool = True, beside: str | None = None, outcome: str = "churn") -> str:
    """Register a version as training does; its files are put where a run of this home would have them."""
    client = open_store(home)
    experiment = client.get_experiment_by_name(tracked_name(outcome))
    assert experiment is not None
    run_id = client.create_run(experiment.experiment_id).info.run_id
    model = home / "artifacts" / run_id / "artifacts" / "model"
    kernel = model / "artifacts" / "kernel"
    kernel.mkdir(parents=True)
    (kernel / "model.json").write_text("{}")
    (kernel / "card.json").write_text(json.dumps({"outcome": outcome}))
    decision = Decision(passed, f"{'Passed' if passed else 'Not passed'}: made up.", {"champion_version": beside})
    return register(client, home, str(model), run_id, "c" * 64, decision, outcome).version


def path_of(home: Path, outcome: str = "churn") -> list[tuple[str, str | None, str]]:
    return [(move.by, move.before, move.after) for move in moves(home, outcome)]


def test_every_move_is_kept(home: Path) -> None:
    train(home)
    train(home, beside="1")
    train(home, beside="2")
    assert rollback(home).version == "2"
    assert rollback(home).version == "1"
    with pytest.raises(TenureError, match="no earlier champion"):
        rollback(home)
    assert promote(home, 3).version == "3"
    assert path_of(home) == [
        ("gate", None, "1"), ("gate", "1", "2"), ("gate", "2", "3"),
        ("rollback", "3", "2"), ("rollback", "2", "1"), ("promote", "1", "3"),
    ]  # fmt: skip
    first = moves(home)[0]
    assert first.reason == "Passed: made up."
    assert first.at.endswith("+00:00")
    assert set(first.to_json()) == {"by", "from", "to", "at", "reason"}
    assert rollback(home).version == "1"


def test_many_moves_and_long_reasons_fit(home: Path) -> None:
    train(home)
    train(home, beside="1")
    client = open_store(home)
    client.set_model_version_tag("tenure-churn", "1", "tenure.gate_reason", "because " * 1000)
    for number in (1, 2) * 6:
        promote(home, number)
    assert len(moves(home)) == 14
    assert [move.after for move in moves(home)][-2:] == ["1", "2"]


def test_outcomes_have_a_model_and_an_experiment_each(home: Path) -> None:
    train(home)
    train(home, outcome="expansion")
    assert train(home, outcome="expansion", passed=False, beside="1") == "2"
    assert path_of(home) == [("gate", None, "1")]
    assert challenger(home) is None
    latest, best = challenger(home, "expansion"), champion(home, "expansion")
    assert latest is not None
    assert best is not None
    assert (latest.version, best.version, best.outcome) == ("2", "1", "expansion")
    assert best.card == {"outcome": "expansion"}
    client = open_store(home)
    for outcome in ("churn", "expansion"):
        run = client.get_run(version(home, 1, outcome).run_id)
        assert client.get_experiment(run.info.experiment_id).name == tracked_name(outcome)
    with pytest.raises(TenureError, match="There is no outcome renewal"):
        champion(home, "renewal")


def test_roll_back_from_a_champion_whose_files_are_gone(home: Path) -> None:
    train(home)
    train(home, beside="1")
    best = champion(home)
    assert best is not None
    for path in best.folder.iterdir():
        path.unlink()
    broken = champion(home)
    assert broken is not None
    assert broken.card == {}
    assert rollback(home).version == "1"


def test_roll_back_passes_over_what_cannot_be_read(home: Path) -> None:
    for beside in (None, "1", "2", "3"):
        train(home, beside=beside)
    (version(home, 3).folder / "model.json").unlink()
    open_store(home).delete_model_version("tenure-churn", "2")
    assert rollback(home).version == "1"
    last = moves(home)[-1]
    assert (last.by, last.before, last.after) == ("rollback", "4", "1")
    assert "Version 3 was passed over: There is no readable model.json" in last.reason
    assert "Version 2 was passed over: There is no version 2" in last.reason
    promote(home, 4)
    (version(home, 1).folder / "model.json").unlink()
    with pytest.raises(TenureError, match="No earlier champion can be read"):
        rollback(home)
    best = champion(home)
    assert best is not None
    assert best.version == "4"


def test_a_version_judged_beside_an_older_champion_waits(home: Path) -> None:
    train(home)
    train(home, beside="1")
    late = version(home, train(home, beside="1"))
    assert (late.alias, late.passed) == ("challenger", True)
    assert "judged beside champion 1, and by then version 2 was champion" in late.reason
    assert path_of(home) == [("gate", None, "1"), ("gate", "1", "2")]
    assert promote(home).version == "3"


def _in_another_process(home: Path) -> None:
    registry.load_kernel = load  # type: ignore[assignment]
    _train_twice(home)


def _train_twice(home: Path) -> None:
    for _ in range(2):
        best = champion(home)
        train(home, beside=best.version if best else None)


def test_two_trainings_at_once_leave_one_champion_and_a_whole_log(home: Path) -> None:
    train(home)
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_in_another_process, args=(home,)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    client = open_store(home)
    assert {str(v.version) for v in client.search_model_versions("name='tenure-churn'")} == set("12345")
    made = path_of(home)
    best = champion(home)
    assert best is not None
    assert made[-1][2] == best.version
    assert [before for _, before, _ in made[1:]] == [after for _, _, after in made[:-1]]


def test_asking_for_moves_of_an_empty_home_creates_nothing(tmp_path: Path) -> None:
    assert moves(tmp_path / "none") == ()
    assert not (tmp_path / "none").exists()
