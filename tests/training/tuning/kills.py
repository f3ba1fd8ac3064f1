"""Searches that kill their own process: `python kills.py HOME WHERE ...`, each WHERE in a process of its own.

WHERE is the folder under HOME that is the search's home, and says when SIGKILL comes.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from pathlib import Path
from typing import Any

import lightgbm  # noqa: F401  imported before the first fork, so that each child need not
import optuna

from features.settings import Settings, TrainingSettings
from training.recipe import Recipe
from training.tuning import search
from training.tuning.binned import Binned


def _made() -> Any:
    place = Path(__file__).parents[1] / "conftest.py"
    spec = importlib.util.spec_from_file_location("made", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["made"] = module
    spec.loader.exec_module(module)
    return module._make_dataset(accounts=500)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _after_losses(calls: int) -> None:
    """Kill once losses were asked for so many times, so somewhere within a trial."""
    losses, count = Binned.losses, [0]

    def counted(self: Binned, recipe: Recipe) -> Any:
        count[0] += 1
        if count[0] > calls:
            _kill()
        return losses(self, recipe)

    Binned.losses = counted  # type: ignore[method-assign]


def _in_fifth_trial() -> None:
    """Kill in the first trial after four have come to an end, when its first trees are grown."""
    run, losses, trials = search._run, Binned.losses, [0]

    def counted_run(*arguments: Any) -> None:
        trials[0] += 1
        run(*arguments)

    def counted(self: Binned, recipe: Recipe) -> Any:
        found = losses(self, recipe)
        if trials[0] == 5:
            _kill()
        return found

    search._run = counted_run
    Binned.losses = counted  # type: ignore[method-assign]


def _in_store() -> None:
    """Kill when the tables of the draft are there, and it does not have its name yet."""
    made = optuna.storages.RDBStorage.__init__

    def killed(self: Any, *arguments: Any, **named: Any) -> None:
        made(self, *arguments, **named)
        _kill()

    optuna.storages.RDBStorage.__init__ = killed  # type: ignore[method-assign]


def _before_ask() -> None:
    """Kill when the first trial waits, and nobody has asked for it."""
    optuna.Study.ask = lambda *_, **__: _kill()  # type: ignore[assignment, method-assign]


def _before_tell() -> None:
    """Kill when all is known of the second trial but that it has come to an end."""
    tell, count = optuna.Study.tell, [0]

    def counted(self: Any, *arguments: Any, **named: Any) -> Any:
        count[0] += 1
        if count[0] == 2:
            _kill()
        return tell(self, *arguments, **named)

    optuna.Study.tell = counted  # type: ignore[method-assign]


WHERE = {
    "store": _in_store,
    "waiting": _before_ask,
    "start": lambda: _after_losses(2),
    "untold": _before_tell,
    "fifth": _in_fifth_trial,
}


def main(home: Path, places: list[str]) -> None:
    dataset, settings = _made(), Settings(training=TrainingSettings(bootstrap=200))
    start = Recipe(trees={"max_trees": 20, "patience": 4})
    for place in places:
        # LightGBM must not have run in this process: its threads do not survive a fork.
        if not (child := os.fork()):
            WHERE[place]()
            search.tune(dataset, settings, home / place, trials=6, start=start, tracked=False)
            os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, place


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
