"""Tracked: a search's trials in; one MLflow run with each trial as its child, and the search's pictures, out."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.addresses import in_plain_words
from training.pages import about_search
from training.tracking import end_run, open_store, quiet_mlflow, start_run

if TYPE_CHECKING:
    import optuna

    from training.tuning.search import Search, Trial

__all__ = ["SearchLog"]

_RUN, _LOGGED = "mlflow_run", "mlflow_logged"


class SearchLog:
    """The run of a search; a search that is taken up goes on in the run that it began.

    Parameters
    ----------
    name : of the run.
    """

    def __init__(self, home: Path, study: optuna.Study, outcome: str, name: str) -> None:
        self._study, self._outcome = study, outcome
        self._client = open_store(home)
        self._run = self._taken_up() or self._begun(name)

    def trials(self, done: Sequence[Trial]) -> None:
        """Log the trials that are not logged yet."""
        from mlflow.entities import Metric, Param, RunTag

        logged = int(self._study.user_attrs.get(_LOGGED, 0))
        for trial in done[logged : logged + 1]:
            self._forget(f"trial {trial.number}")
        best = min((t.value for t in done[:logged] if t.state == "complete"), default=float("inf"))
        for trial in done[logged:]:
            with quiet_mlflow():
                began = time.time() - trial.seconds
                run = start_run(self._client, self._outcome, f"trial {trial.number}", parent=self._run, began=began)
                now = run.info.start_time
                metrics = [
                    Metric("trial/log loss by origin", loss, now, place) for place, loss in enumerate(trial.losses)
                ]
                if trial.state == "complete":
                    metrics.append(Metric("trial/log loss", trial.value, now, 0))
                    best = min(best, trial.value)
                self._client.log_batch(
                    run.info.run_id,
                    metrics=[*metrics, Metric("trial/seconds", trial.seconds, now, 0)],
                    params=[Param(f"recipe/{key}", str(value)) for key, value in trial.values.items()],
                    tags=[RunTag("tenure.state", trial.state)],
                )
                self._client.log_batch(self._run, metrics=[Metric("search/best log loss", best, now, trial.number)])
            end_run(self._client, run.info.run_id)
            logged += 1
            self._study.set_user_attr(_LOGGED, logged)

    def finish(self, search: Search) -> None:
        """Log what came out, with its pictures, and end the run."""
        from mlflow.entities import Metric, Param

        from training.plots import search_history, search_slices

        frame = search.to_frame()
        figures = {
            "trials.png": search_history(frame, f"log loss at {search.horizon} days"),
            "settings.png": search_slices(frame),
        }
        with quiet_mlflow():
            known = self._client.get_run(self._run)
            parameters = {"known until": search.known_until, "horizon": search.horizon, "origins": len(search.origins)}
            now = known.info.start_time
            metrics = {"search/log loss of the start": search.starting.value, "search/trials": len(search.trials)}
            self._client.log_batch(
                self._run,
                metrics=[Metric(key, float(value), now, 0) for key, value in metrics.items()],
                params=[Param(k, str(value)) for k, value in parameters.items() if k not in known.data.params],
            )
            for name, figure in figures.items():
                self._client.log_figure(self._run, figure, name)
            text = json.dumps(search.to_json(), indent=1, default=str)
            self._client.log_text(self._run, text, "search.json")
            if known.data.tags.get("mlflow.note.content", known.info.run_name) == known.info.run_name:
                self._client.set_tag(self._run, "mlflow.note.content", about_search(search))
        end_run(self._client, self._run)

    def _taken_up(self) -> str | None:
        """The run that an earlier part of this search began, if it is in this store."""
        from mlflow.exceptions import MlflowException

        from training.addresses import inherited_run

        kept = self._study.user_attrs.get(_RUN)
        if kept is None or inherited_run() is not None:
            return None
        try:
            with quiet_mlflow():
                run = self._client.get_run(kept)
        except MlflowException:
            return None
        return str(run.info.run_id) if run.info.lifecycle_stage == "active" else None

    def _forget(self, name: str) -> None:
        """Remove a child that whoever was stopped had begun and not counted; it is logged again."""
        child = f"tags.`mlflow.parentRunId` = '{self._run}' and attributes.run_name = '{name}'"
        with quiet_mlflow(), in_plain_words():
            experiment = self._client.get_run(self._run).info.experiment_id
            for run in self._client.search_runs([experiment], child):
                self._client.delete_run(run.info.run_id)

    def _begun(self, name: str) -> str:
        run_id = str(start_run(self._client, self._outcome, name).info.run_id)
        self._study.set_user_attr(_LOGGED, 0)
        self._study.set_user_attr(_RUN, run_id)
        return run_id
