"""Training: a history and settings in; a fitted, calibrated, judged, registered and gated version out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import TenureError
from features.settings import Settings
from training.dataset import Dataset, load_dataset
from training.evaluation.figures import plain
from training.forecasts import refit
from training.gate import Decision, decide
from training.hazards import FittedHazards
from training.judges import Judges, fit_judges, save_judges
from training.plan import IN_TIME, Plan, make_plan
from training.protocol import Judged, judge
from training.recipe import Recipe
from training.runlog import describe_blocks, holdout_table, metrics_of, parameters_of, settings_of_training
from training.tuning.kept import recipe_for

if TYPE_CHECKING:
    from features.history import History
    from training.registry import RegisteredModel

__all__ = ["TrainResult", "train", "train_dataset"]


@dataclass(frozen=True)
class TrainResult:
    """What one training of one outcome did.

    Parameters
    ----------
    outcome : churn or expansion.
    known_on : the day on which the labels were known.
    plan : which horizons were fitted, how each was validated, and why others were not.
    blocks : by horizon and block, see `training.runlog.describe_blocks`. The figures are those of the recipe fitted on
        train and calibration; what is registered is its refit.
    judged : by horizon, the recipe on rows that it did not learn from.
    decision : the gate's.
    version, run_id : of the registered model and its run.
    champion : whether this version is now the champion.
    folder : the files that `training.kernel.Kernel.load` reads.
    artifacts : the run's, with the card, reliability.png and holdout.parquet.
    recipe, recipe_from : what was fitted, and where that comes from, in words.
    """

    outcome: str
    known_on: dt.date
    plan: Plan
    blocks: dict[int, dict[str, dict[str, Any]]]
    judged: dict[int, Judged]
    decision: Decision
    version: str
    run_id: str
    champion: bool
    folder: Path
    artifacts: Path
    recipe: Recipe
    recipe_from: str

    @property
    def headline(self) -> int:
        """The horizon whose figures stand first."""
        return self.plan.headline

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists, text and floats."""
        return {
            "outcome": self.outcome,
            "known_on": self.known_on.isoformat(),
            "headline": self.headline,
            "horizons": {
                str(h): {
                    "validation": found.validation,
                    "note": self.plan.notes.get(h),
                    "blocks": self.blocks[h],
                    "evaluation": found.evaluation.to_json(),
                    "sums": plain(found.sums),
                }
                for h, found in self.judged.items()
            },
            "left_out": {str(h): note for h, note in self.plan.notes.items() if h not in self.plan.horizons},
            "decision": plain(dataclasses.asdict(self.decision)),
            "version": self.version,
            "run_id": self.run_id,
            "champion": self.champion,
            "folder": str(self.folder),
            "artifacts": str(self.artifacts),
            "recipe": self.recipe.to_json(),
            "recipe_from": self.recipe_from,
        }


def train(
    history: History,
    settings: Settings,
    home: Path,
    *,
    known_on: dt.date | None = None,
    outcome: str = "churn",
    recipe: Recipe | None = None,
    progress: Callable[[str], None] | None = None,
) -> TrainResult:
    """Train on a history as it was known on a day, the end of its observed period when none is given.

    Parameters
    ----------
    recipe : what to fit; the best that a search kept under the home, as far as it may be used, when none is given.

    Raises
    ------
    TenureError : the history is too short or holds too few events, with the numbers.
    """
    say = progress or _silent
    say("building features and labels")
    dataset = load_dataset(history, settings, known_on)
    return train_dataset(dataset, settings, home, outcome=outcome, recipe=recipe, progress=progress)


def train_dataset(
    dataset: Dataset,
    settings: Settings,
    home: Path,
    *,
    outcome: str = "churn",
    recipe: Recipe | None = None,
    progress: Callable[[str], None] | None = None,
) -> TrainResult:
    """The same, from rows and labels that are already there."""
    from training.registry import champion
    from training.tracking import require_store

    began, say = time.time(), progress or _silent
    require_store(home)
    plan = make_plan(dataset, outcome, settings)
    recipe, origin = (recipe, "given") if recipe else recipe_for(home, plan, settings.training.seed)
    judged = judge(dataset, plan, recipe, settings, say=say)
    present = champion(home, outcome)
    rival = _champion_judged(present, dataset, plan, recipe, settings, judged, say)
    decision = decide(
        {h: found.evidence() for h, found in judged.items()},
        {h: found.evidence() for h, found in rival.items()} if rival else None,
        catalogue_hash=dataset.catalogue_hash,
        current_hash=_current_hash(dataset),
        champion_version=present.version if present else None,
    )
    say(f"fitting {outcome} again up to the latest known labels")
    final = refit(dataset, plan, recipe, settings)
    judges = None
    if outcome == "churn":
        say("fitting models without each book, for baselines")
        judges = fit_judges(dataset, plan, recipe, settings, final)
    say(f"logging and registering {outcome}")
    return _record(dataset, settings, home, plan, recipe, origin, judged, decision, final, judges, began)


def _champion_judged(
    present: RegisteredModel | None,
    dataset: Dataset,
    plan: Plan,
    recipe: Recipe,
    settings: Settings,
    judged: dict[int, Judged],
    say: Callable[[str], None],
) -> dict[int, Judged] | None:
    """The champion's recipe on the same blocks and rows; None where there is none that can be fitted on them.

    The registered champion itself may have learned from these rows; its recipe, fitted again, has not.
    """
    if present is None:
        return None
    try:
        theirs = Recipe.from_json(present.card["recipe"])
    except (KeyError, TypeError, AttributeError, TenureError):
        return None
    if theirs.to_json() == recipe.to_json():
        return judged
    if not set(theirs.features) <= set(dataset.rows.columns):
        return None
    say(f"judging the recipe of champion {present.version}")
    try:
        return judge(dataset, plan, theirs, settings, rivals=False, say=say)
    except (TenureError, ValueError):
        # What cannot be fitted any more must not keep a new recipe from being registered; the decision says so.
        return None


def _current_hash(dataset: Dataset) -> str:
    from features.catalogue import CATALOGUE

    return CATALOGUE.hash if dataset.fingerprint else dataset.catalogue_hash


def _record(
    dataset: Dataset,
    settings: Settings,
    home: Path,
    plan: Plan,
    recipe: Recipe,
    origin: str,
    judged: dict[int, Judged],
    decision: Decision,
    final: FittedHazards,
    judges: Judges | None,
    began: float,
) -> TrainResult:
    # mlflow takes seconds to import, and fitting and judging do not need it.
    from training.anchors import ANCHORS_FILE
    from training.card import card_html, card_markdown
    from training.facts import anchors_of, card_of, reference_of
    from training.packaging import write_pyfunc
    from training.pages import about_run, run_name
    from training.registry import register
    from training.reliability import Panel, plot_horizons
    from training.tracking import files_of, log_run, name_run, open_store

    described = describe_blocks(dataset, plan, settings.training.seed)
    card = card_of(dataset, settings, plan, described, recipe, judged, decision, final)
    with tempfile.TemporaryDirectory() as scratch:
        files, model = Path(scratch) / "files", Path(scratch) / "model"
        files.mkdir()
        picture = files / "reliability.png"
        panels = [
            Panel(
                found.horizon,
                found.held_out.labels,
                {name: found.predictions[name] for name in ("model", "recency")},
                found.held_out.accounts,
                found.held_out.as_of,
                "" if found.validation == IN_TIME else "not validated in time",
            )
            for found in judged.values()
        ]
        plot_horizons(picture, panels, outcome=plan.outcome, seed=recipe.seed)
        text = card_markdown(card)
        (files / "card.md").write_text(text, encoding="utf-8")
        (files / "card.html").write_text(card_html(card, picture=picture.read_bytes()), encoding="utf-8")
        _write_json(files / "evaluation.json", card)
        _write_json(files / "settings.json", settings_of_training(settings))
        holdout_table(judged).to_parquet(files / "holdout.parquet", index=False)
        write_pyfunc(final.kernel, card, model, card_text=text)
        _write_json(
            model / "artifacts" / "kernel" / "reference.json",
            reference_of(dataset, plan, judged, final, settings.training.seed),
        )
        if judges is not None:
            anchors = anchors_of(dataset, settings, final).to_json()
            _write_json(model / "artifacts" / "kernel" / ANCHORS_FILE, anchors)
            save_judges(judges, model / "artifacts" / "kernel")
        client, name = open_store(home), f"{plan.outcome}, known on {dataset.known_on}"
        run_id, source = log_run(
            client,
            name=name,
            parameters=parameters_of(dataset, settings, described, recipe, origin, final),
            metrics=metrics_of(judged, decision),
            tags={
                "mlflow.note.content": about_run(
                    plan.outcome, dataset.known_on, origin, judged, decision, plan.headline
                ),
                "tenure.data_fingerprint": dataset.fingerprint,
                "tenure.catalogue_hash": dataset.catalogue_hash,
                "tenure.gate_passed": "true" if decision.passed else "false",
                "tenure.recipe_from": origin,
            },
            files=files,
            model=model,
            outcome=plan.outcome,
            began=began,
        )
    registered = register(client, home, source, run_id, dataset.catalogue_hash, decision, plan.outcome)
    became = registered.alias == "champion"
    told = run_name(plan.outcome, registered.version, decision, became, dataset.known_on)
    name_run(client, run_id, name, told, {"tenure.version": registered.version})
    return TrainResult(
        plan.outcome,
        dataset.known_on,
        plan,
        described,
        judged,
        decision,
        registered.version,
        run_id,
        became,
        registered.folder,
        files_of(client, home, run_id),
        recipe,
        origin,
    )


def _write_json(file: Path, document: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _silent(stage: str) -> None:
    """Stands in for a progress callable."""
