"""A search whose process is killed: no finished trial is lost, and what comes out is what would have come out."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest

from features.errors import TenureError
from training.tuning import tune
from training.tuning.study import STORE, finished, next_trial, open_study, store_in_plain_words

ROOT = Path(__file__).resolve().parents[3]
PLACES = {"store": (), "waiting": ("WAITING",), "start": ("RUNNING",), "untold": ("COMPLETE", "RUNNING")}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Homes in which a real process was killed by SIGKILL, each at another place."""
    home = tmp_path_factory.mktemp("killed")
    command = [sys.executable, Path(__file__).with_name("kills.py"), home, *PLACES, "fifth"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return home


def stored(home: Path) -> list[tuple[Any, ...]]:
    """What the store says of each trial, read without Optuna."""
    if not (home / STORE).exists():
        return []
    with sqlite3.connect(home / STORE) as store:
        trials = store.execute("SELECT trial_id, number, state FROM trials ORDER BY number").fetchall()
        asked = "SELECT param_name, param_value FROM trial_params WHERE trial_id = ? ORDER BY 1"
        told = "SELECT step, intermediate_value FROM trial_intermediate_values WHERE trial_id = ? ORDER BY 1"
        said = "SELECT key, value_json FROM trial_user_attributes WHERE trial_id = ? ORDER BY 1"
        return [
            (number, state, *(tuple(store.execute(query, (key,)).fetchall()) for query in (asked, told, said)))
            for key, number, state in trials
        ]


@pytest.mark.parametrize("place", [*PLACES, "fifth"])
def test_taken_up_it_is_the_search_that_was_never_killed(killed: Path, searched: Any, told_of: Any, place: str) -> None:
    home = killed / place
    before = stored(home)
    ended = [trial for trial in before if trial[1] in ("COMPLETE", "PRUNED")]
    if place == "fifth":
        assert len(ended) == 4
        assert [trial[1] for trial in before[4:]] == ["RUNNING"]
    else:
        assert tuple(trial[1] for trial in before) == PLACES[place]
    search = tune(searched.dataset, searched.settings, home, trials=6, start=searched.start, tracked=False)
    whole = searched.search
    assert search.taken_up == len(ended)
    assert told_of(search) == told_of(whole)
    assert (search.best, search.difference, search.better) == (whole.best, whole.difference, whole.better)
    assert (search.starting.value, search.leading.value) == (whole.starting.value, whole.leading.value)
    after = stored(home)
    assert [trial for trial in after if trial[0] in {t[0] for t in ended}] == ended
    for number, state, values, *_ in before:
        if state == "RUNNING":
            assert after[number][1] == "FAIL"
            # Tried again with the same values, by the next trial.
            assert after[number + 1][2] == values
    assert [trial[1] for trial in after].count("FAIL") == sum(trial[1] == "RUNNING" for trial in before)
    assert len(finished(open_study(home, search.study))) == 6


def test_one_go_is_as_good_as_two(searched: Any, told_of: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    asked: Any = {"start": searched.start, "tracked": False}
    first = tune(searched.dataset, searched.settings, home, trials=2, **asked)
    assert [trial.number for trial in first.trials] == [0, 1]
    second = tune(searched.dataset, searched.settings, home, trials=6, **asked)
    assert (first.taken_up, second.taken_up) == (0, 2)
    assert second.trials[:2] == first.trials
    assert [trial.number for trial in second.trials] == list(range(6))
    assert told_of(second) == told_of(searched.search)
    assert second.difference == searched.search.difference
    third = tune(searched.dataset, searched.settings, home, trials=3, **asked)
    assert third.trials == second.trials
    assert (third.taken_up, third.best, third.better) == (6, second.best, second.better)


def test_sampling_learns_from_finished_trials_alone(tmp_path: Path) -> None:
    """Long enough for the sampler to learn, with a cheap question in place of trees; stopped at every number."""

    def asked(home: Path, trials: int, kills: frozenset[int]) -> list[tuple[Any, ...]]:
        found, study = [], open_study(home, "some")
        while len(done := finished(study)) < trials:
            trial = next_trial(study, {"x": 0.5, "k": 3}, 7)
            x, k = trial.suggest_float("x", 0, 1), trial.suggest_int("k", 1, 9)
            if len(done) in kills and not any(place == len(done) for place, *_ in found[-1:]):
                found.append((len(done), "killed", x, k))
                study = open_study(home, "some")
                continue
            trial.report(abs(x - 0.3), 0)
            pruned = len(done) > 3 and x > 0.8
            study.tell(trial, None if pruned else abs(x - 0.3) + k / 9, state=None if not pruned else PRUNED)
            found.append((len(done), "ended", x, k))
        return found

    PRUNED = optuna.trial.TrialState.PRUNED  # noqa: N806
    whole = asked(tmp_path / "whole", 12, frozenset())
    stopped = asked(tmp_path / "stopped", 12, frozenset({0, 1, 8, 11}))
    assert [one for one in stopped if one[1] == "ended"] == whole
    again = {place: values for place, what, *values in stopped if what == "killed"}
    assert again == {place: values for place, _, *values in whole if place in again}
    assert len({x for *_, x, _ in whole}) == 12
    assert whole[0][2:] == (0.5, 3)


@pytest.mark.parametrize("left", [b"", b"SQLite format 3\x00 and no more", os.urandom(5000)])
def test_what_is_left_of_a_draft_is_no_store(tmp_path: Path, left: bytes) -> None:
    for name in (f"{STORE}.part", f"{STORE}.part-journal"):
        (tmp_path / name).write_bytes(left)
    assert finished(open_study(tmp_path, "some")) == []
    assert not (tmp_path / f"{STORE}.part").exists()


def test_a_damaged_store_is_one_plain_sentence(tmp_path: Path) -> None:
    study = open_study(tmp_path, "some")
    for _ in range(3):
        trial = next_trial(study, {"x": 0.5}, 1)
        study.tell(trial, trial.suggest_float("x", 0, 1))
    whole = (tmp_path / STORE).read_bytes()
    draw = random.Random(4)
    damaged = [b"no store", whole[: len(whole) // 2], whole[:5000], whole[:100] + draw.randbytes(len(whole) - 100)]
    for place in range(0, len(whole), 8192):
        damaged.append(whole[:place] + draw.randbytes(4096) + whole[place + 4096 :])
    refused: dict[Path, str] = {}
    sentence = "is not a store of trials that this version can read"
    for number, content in enumerate(damaged):
        home = tmp_path / str(number)
        home.mkdir()
        (home / STORE).write_bytes(content)
        try:
            with store_in_plain_words(home):
                taken = open_study(home, "some")
                finished(taken)
                next_trial(taken, {"x": 0.5}, 1)
        except TenureError as error:
            refused[home] = str(error)
    assert len(refused) >= 4
    for home, told in refused.items():
        assert told.startswith(f"{home / STORE} {sentence}")
        assert told.endswith("another --home.")


def test_a_home_that_is_a_file_is_refused(tmp_path: Path, searched: Any) -> None:
    (tmp_path / "home").write_text("I am a file")
    with pytest.raises(TenureError, match="home cannot be written"):
        open_study(tmp_path / "home", "some")
    with pytest.raises(TenureError, match="home cannot be written"):
        tune(searched.dataset, searched.settings, tmp_path / "home", trials=1, start=searched.start, tracked=False)


@pytest.mark.parametrize("name", ["a home", "#1", "Zoë & co"])
def test_any_name_of_a_home_will_do(tmp_path: Path, name: str) -> None:
    open_study(tmp_path / name, "some")
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name / STORE).read_bytes().startswith(b"SQLite format 3")
