"""The champion in memory: swaps between requests, and what keeps a version from serving."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gc
import json
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from features.catalogue import CATALOGUE
from features.errors import TenureError
from serving.champion import Champion, ChampionHolder
from serving.loading import Loader
from serving.on_demand import feature_answer
from serving.problems import ProblemError
from serving.requests import FeaturesRequest
from training.registry import champion_number, promote
from training.tracking import MODEL_PATH, open_store, tracked_name

HASH = "c0ffee" * 10
NOW = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
MakeChampion = Callable[..., Champion]


class Registry:
    """A registry of one outcome whose alias moves; `broken` versions raise, or are what is loaded."""

    def __init__(self, make: MakeChampion, present: str | None = "3") -> None:
        self._make, self.present = make, present
        self.broken: dict[str, Any] = {}
        self.loads: list[str | None] = []
        self.down: Exception | None = None

    def which(self) -> tuple[str | None, str | None]:
        if self.down:
            raise self.down
        return self.present, None

    def load(self) -> Champion | None:
        self.loads.append(self.present)
        if self.present is None:
            return None
        found = self.broken.get(self.present) or self._make(version=self.present)
        if isinstance(found, Exception):
            raise found
        return telling(found)


def telling(champion: Champion) -> Champion:
    """The same champion with probabilities and readings that only its version tells."""
    kernel: Any = champion.forecast.churn.kernel
    mine = int(champion.version) / 1024
    kernel.lines = {h: (a + mine, b) for h, (a, b) in kernel.lines.items()}
    return dataclasses.replace(champion, reading=lambda p, as_of, horizon: f"by {champion.version}")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registry(make_champion: MakeChampion) -> Registry:
    return Registry(make_champion)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[tuple[dict[str, str | None], bool]]:
    return []


@pytest.fixture
def holder(registry: Registry, clock: Clock, told: list[Any]) -> ChampionHolder:
    """It looks when it is told to, by a clock that the test turns."""
    return ChampionHolder(
        registry.load, HASH, which=registry.which, on_change=lambda *said: told.append(said), monotonic=clock
    )


def test_a_moved_alias_is_followed_and_told(holder: ChampionHolder, registry: Registry, told: list[Any]) -> None:
    for version in ("3", "4", "3"):
        registry.present = version
        for _ in range(3):
            holder.look()
        assert holder.get().version == version
        assert holder.status() == {"status": "ready", "model_version": version, "expansion_version": None}
    assert registry.loads == ["3", "4", "3"]  # nothing is loaded that serves
    assert told == [({"churn": version, "expansion": None}, False) for version in ("3", "4", "3")]


def test_no_request_misses_a_champion_or_sees_two(registry: Registry) -> None:
    holder = ChampionHolder(registry.load, HASH, which=registry.which, every=0.001)
    asked = FeaturesRequest([{"mrr": 0.0}], 1)
    declared: Any = {"mrr": SimpleNamespace(name="mrr", kind="number", low=0.0, high=None)}
    seen: set[str] = set()
    faults: list[Any] = []
    ended = threading.Event()

    def hammer() -> None:
        while not ended.is_set():
            try:
                answer = json.loads(feature_answer(holder.get(), asked, declared, NOW))
                version, row = answer["model_version"], answer["results"][0]
                if row["churn_90d"] != 0.3 + int(version) / 1024 or row["reading"] != f"by {version}":
                    faults.append(answer)
                seen.add(version)
            except Exception as error:
                faults.append(error)

    holder.start()
    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for version in ("4", "5", "3", "4"):
            registry.present = version
            until = time.monotonic() + 10
            while holder.get().version != version and time.monotonic() < until:
                time.sleep(0.005)
            time.sleep(0.03)
    finally:
        ended.set()
        holder.stop()
        for thread in threads:
            thread.join(10)
    assert faults == []
    assert seen >= {"3", "4", "5"}


def broken_by_points(champion: Champion) -> Champion:
    """One that is whole, but whose drivers fail."""

    def points(rows: Any, horizon: int) -> None:
        raise RuntimeError("no trees")

    champion.forecast.churn.kernel.points = points  # type: ignore[method-assign,attr-defined]
    return champion


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (lambda make: TenureError("Version 4 is torn; run `tenure train`."), "Version 4 is torn; run `tenure train`."),
        (lambda make: KeyError("words"), "The champion's files cannot be read"),
        (lambda make: make(version="4", catalogue_hash="decaf" * 12), "version 4, was fitted on other feature decl"),
        (lambda make: broken_by_points(make(version="4")), "The champion's files cannot be read"),
    ],
    ids=["said", "damaged", "outdated", "unable"],
)
def test_a_broken_version_leaves_the_one_before_serving(
    fault: Callable[..., Any], says: str, holder: ChampionHolder, registry: Registry, clock: Clock,
    make_champion: MakeChampion, told: list[Any],
) -> None:  # fmt: skip
    first = holder.get()
    registry.present, registry.broken["4"] = "4", fault(make_champion)
    holder.look()
    assert holder.get() is first
    said = holder.status()
    assert (said["status"], said["model_version"]) == ("ready", "3")
    assert said["trouble"].startswith(says) or says in said["trouble"]
    assert said["trouble"].endswith("Version 3 goes on serving.")
    assert told[-1] == ({"churn": "3", "expansion": None}, True)

    registry.present = "3"  # rolled back: what serves is what is champion, so nothing is loaded
    holder.look()
    assert "trouble" not in holder.status()
    assert told[-1] == ({"churn": "3", "expansion": None}, False)
    assert registry.loads == ["3", "4"]
    assert holder.get() is first

    registry.present = "5"
    holder.look()
    assert holder.get().version == "5"


def test_a_broken_version_is_tried_again_less_and_less_often(
    holder: ChampionHolder, registry: Registry, clock: Clock
) -> None:
    holder.get()
    registry.present, registry.broken["4"] = "4", OSError("disk")
    tries = []
    began = clock.now
    for _ in range(300):
        before = len(registry.loads)
        holder.look()
        if len(registry.loads) > before:
            tries.append(clock.now - began)
        clock.now += 1
    assert tries[:6] == [0, 5, 15, 35, 75, 135]
    registry.present = "5"  # another one is tried at once
    holder.look()
    assert holder.get().version == "5"
    registry.present = "4"
    del registry.broken["4"]
    holder.look()
    assert holder.get().version == "4"


def test_a_registry_that_does_not_answer_leaves_the_champion_serving(
    holder: ChampionHolder, registry: Registry, clock: Clock, told: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    first = holder.get()
    registry.down = TenureError("The tracking server http://runs does not answer; start it.")
    for _ in range(5):
        holder.look()
        assert holder.get() is first
    assert holder.status()["trouble"] == f"{registry.down} Version 3 goes on serving."
    assert len([r for r in caplog.records if "does not answer" in r.message]) == 1  # and not every two seconds
    registry.present, registry.down = "4", None
    holder.look()
    assert holder.status() == {"status": "ready", "model_version": "4", "expansion_version": None}
    registry.down = RuntimeError("no table registered_models")
    holder.look()
    assert "It cannot be asked which version is champion" in holder.status()["trouble"]
    assert "registered_models" not in holder.status()["trouble"]
    registry.down = None
    holder.look()
    assert told == [
        ({"churn": version, "expansion": None}, trouble)
        for version, trouble in (("3", False), ("3", True), ("4", False), ("4", True), ("4", False))
    ]


def test_a_registry_that_has_never_answered_is_said(holder: ChampionHolder, registry: Registry, clock: Clock) -> None:
    registry.down = TenureError("The tracking server http://runs does not answer; start it.")
    with pytest.raises(ProblemError, match="does not answer") as refused:
        holder.get()
    assert (refused.value.status, refused.value.kind) == (503, "champion-broken")
    registry.down = None
    clock.now += 5
    assert holder.get().version == "3"


def test_a_champion_that_is_no_longer_one_goes_on(holder: ChampionHolder, registry: Registry) -> None:
    first = holder.get()
    registry.present = None
    holder.look()
    assert holder.get() is first
    assert "No version of churn is champion any more" in holder.status()["trouble"]


def test_a_champion_with_trouble_of_expansion_is_loaded_again(
    make_champion: MakeChampion, clock: Clock, told: list[Any]
) -> None:
    troubles = ["The champion of expansion is torn.", ""]
    holder = ChampionHolder(
        lambda: dataclasses.replace(make_champion(), trouble=troubles.pop(0)), HASH, which=lambda: ("3", None),
        on_change=lambda *said: told.append(said), monotonic=clock,
    )  # fmt: skip
    assert holder.get().trouble
    holder.look()
    assert len(troubles) == 1
    clock.now += 5
    holder.look()
    holder.look()
    assert not holder.get().trouble
    assert [trouble for _, trouble in told] == [True, False]


def test_the_one_before_is_given_back(holder: ChampionHolder, registry: Registry) -> None:
    kept = weakref.ref(holder.get())
    kernel = weakref.ref(holder.get().forecast.churn.kernel)
    registry.present, registry.broken["4"] = "4", KeyError("torn")
    holder.look()
    assert kept() is not None
    registry.present = "5"
    holder.look()
    gc.collect()
    assert kept() is None
    assert kernel() is None


def test_a_listener_that_fails_stops_nothing(registry: Registry) -> None:
    def listen(versions: Any, trouble: bool) -> None:
        raise OSError("no space for metrics")

    holder = ChampionHolder(registry.load, HASH, which=registry.which, on_change=listen)
    holder.look()
    registry.present = "4"
    holder.look()
    assert holder.get().version == "4"


# --- a real registry ---------------------------------------------------------------------------------------


def version_beside(home: Path, damage: str = "") -> str:
    """Register the champion of churn once more, with files of its own; `damage` names one to be cut in half."""
    client, name = open_store(home), tracked_name("churn")
    number = champion_number(client)
    assert number is not None
    first = client.get_model_version(name, number)
    run = client.create_run(client.get_run(first.run_id).info.experiment_id)
    folder = home / "artifacts" / run.info.run_id / "artifacts" / MODEL_PATH
    shutil.copytree(home / "artifacts" / first.run_id / "artifacts" / MODEL_PATH, folder)
    made = client.create_model_version(name, str(folder), run.info.run_id, tags=first.tags)
    if damage:
        file = folder / "artifacts" / "kernel" / damage
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return str(made.version)


def test_champions_of_a_real_registry_are_swapped(home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mine = tmp_path / "home"
    shutil.copytree(home, mine)
    loader = Loader(mine)
    holder = ChampionHolder(loader.load, CATALOGUE.hash, which=loader.which)
    first = holder.get()
    assert (first.version, first.expansion_version) == loader.which()
    whole, torn = version_beside(mine), version_beside(mine, "churn_90d.txt")
    promote(mine, whole)
    holder.look()
    assert holder.get().version == whole
    # `promote` refuses damaged files, so they were damaged afterwards, or another program has moved the alias.
    open_store(mine).set_registered_model_alias(tracked_name("churn"), "champion", torn)
    holder.look()
    assert holder.get().version == whole
    assert f"version {torn}, cannot be read" in holder.status()["trouble"]
    assert "churn_90d.txt" in caplog.text
    assert str(tmp_path) not in str(holder.status()), "anybody may ask for readiness"
    promote(mine, first.version)
    holder.look()
    assert holder.status()["model_version"] == first.version
    assert "trouble" not in holder.status()


def test_a_home_without_a_registry_has_no_champion(tmp_path: Path) -> None:
    assert Loader(tmp_path).which() == (None, None)
    assert not list(tmp_path.iterdir())
