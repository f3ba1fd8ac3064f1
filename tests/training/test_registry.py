from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from features.errors import TenureError
from training.kernel import load_kernel
from training.packaging import pyfunc_source
from training.registry import challenger, champion, moves, promote, rollback, version
from training.tracking import OUTCOMES, open_store, tracked_name


def test_signal_becomes_champion_and_noise_stays_challenger(trained: Any) -> None:
    home, (clear, noise) = trained
    assert (clear.version, clear.champion, clear.decision.passed) == ("1", True, True)
    assert (noise.version, noise.champion, noise.decision.passed) == ("2", False, False)
    best, latest = champion(home), challenger(home)
    assert best is not None
    assert latest is not None
    assert (best.version, best.alias, best.passed) == ("1", "champion", True)
    assert (latest.version, latest.alias, latest.passed) == ("2", "challenger", False)
    assert best.catalogue_hash == CATALOGUE.hash
    assert [h["days"] for h in best.card["horizons"]] == [30, 90]
    for told in best.card["horizons"]:
        assert told["blocks"]["holdout"]["first_as_of"] == clear.blocks[told["days"]]["holdout"]["first_as_of"]
    assert best.card["decision"]["passed"] is True
    assert noise.decision.numbers["champion_version"] == "1"
    json.dumps(clear.to_json(), allow_nan=False)


def test_the_run_holds_what_a_report_needs(trained: Any) -> None:
    home, (clear, _) = trained
    run = open_store(home).get_run(clear.run_id)
    assert run.info.status == "FINISHED"
    assert open_store(home).get_experiment(run.info.experiment_id).name == "tenure-churn"
    assert run.data.params["training.bootstrap"] == "200"
    assert run.data.params["90 days/learned on"].startswith("2024-01-01 to ")
    for horizon in (30, 90):
        figure = clear.judged[horizon].evaluation.figures["model"]["log_loss"]
        assert run.data.metrics[f"{horizon} days/log loss"] == figure.value
    assert json.loads((clear.artifacts / "settings.json").read_text())["training"]["bootstrap"] == 200
    assert run.data.tags["tenure.data_fingerprint"] == "f" * 64
    report = json.loads((clear.artifacts / "evaluation.json").read_text())
    for told, (horizon, found) in zip(report["horizons"], clear.judged.items(), strict=True):
        assert told["evaluation"] == found.evaluation.to_json()
        assert told["gap_days"] == horizon + 2
    assert (clear.artifacts / "reliability.png").read_bytes()[:4] == b"\x89PNG"
    table = pd.read_parquet(clear.artifacts / "holdout.parquet")
    assert {"account_id", "as_of", "horizon", "label", "p_model", "p_prior", "p_recency"} <= set(table.columns)
    table = table[table.horizon == 90]
    loss = -np.mean(np.where(table.label == 1, np.log(table.p_model), np.log1p(-table.p_model)))
    assert loss == pytest.approx(figure.value)


def test_the_card_says_what_is_registered_is_the_refit(trained: Any, make_dataset: Any) -> None:
    home, (clear, _) = trained
    best = champion(home)
    assert best is not None
    assert "fitted again" in (clear.artifacts / "card.md").read_text()
    dataset = make_dataset()
    for horizon, blocks in clear.blocks.items():
        assert blocks["refit_calibration"]["last_as_of"] == str(dataset.at("churn", horizon).as_ofs[-1])
        assert blocks["refit_train"]["rows"] > blocks["train"]["rows"]


def test_no_pickle_and_no_code_paths(trained: Any) -> None:
    _, (clear, _) = trained
    model = clear.artifacts / "model"
    names = sorted(path.name for path in model.rglob("*") if path.is_file())
    assert names == sorted(
        [
            "MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "tenure_model.py", "card.json", "card.md",
            "anchors.json", "reference.json", "model.json", "churn_30d.txt", "churn_90d.txt", "involuntary.txt",
            "ratio.txt", "input_example.json", "serving_input_example.json", "judges.json",
        ]
    )  # fmt: skip
    for path in model.rglob("*"):
        if path.is_file():
            path.read_text(encoding="utf-8")  # text, every one
    listed = (model / "MLmodel").read_text()
    assert "code: null" in listed or "code:" not in listed
    assert "pickle" not in (model / "requirements.txt").read_text()
    required = {line.split("==")[0] for line in (model / "requirements.txt").read_text().split()}
    assert required == {"mlflow", "numpy", "pandas", "lightgbm"}


def test_the_code_file_imports_nothing_of_ours() -> None:
    import sys

    imported = set()
    for node in ast.walk(ast.parse(pyfunc_source())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"numpy", "pandas", "lightgbm", "mlflow"}


def test_pyfunc_versions_load_side_by_side_and_equal_the_kernel(trained: Any, make_dataset: Any) -> None:
    home, results = trained
    rows = make_dataset(seed=77).rows.head(100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mlflow's own
        import mlflow.pyfunc

        models = [mlflow.pyfunc.load_model(str(result.artifacts / "model")) for result in results]
        for result, model in zip(results, models, strict=True):
            kernel = load_kernel(version(home, result.version).folder)
            for part in (rows, rows.drop(columns=["trend", "plan"]), rows.assign(plan="new")):
                got = model.predict(part)
                assert [name for name in got.columns if name in ("churn_30d", "churn_90d")] == [
                    "churn_30d",
                    "churn_90d",
                ]
                for horizon in (30, 90):
                    assert got[f"churn_{horizon}d"].tolist() == kernel.probabilities(part, horizon).tolist()
        assert models[0].predict(rows).iloc[0, 0] != models[1].predict(rows).iloc[0, 0]
        inputs = models[0].metadata.signature.inputs
        kinds = {spec.name: (spec.type.name, spec.required) for spec in inputs}
        assert kinds["mrr"] == ("double", False)
        assert kinds["plan"] == ("string", False)
        assert set(kinds) == set(rows.columns)


def test_the_champion_is_found_without_running_its_code(trained: Any, tmp_path: Path) -> None:
    """Also after the home folder was moved, and with a code file that would not survive being run."""
    home, _ = trained
    moved = tmp_path / "elsewhere"
    shutil.copytree(home, moved)
    best = champion(moved)
    assert best is not None
    assert best.folder.is_relative_to(moved)
    (best.folder.parents[1] / "tenure_model.py").write_text("raise SystemExit('was run')")
    found = champion(moved)
    assert found is not None
    assert load_kernel(found.folder).horizons == (30, 90)


def test_promotion_only_through_the_gate_and_roll_back(trained: Any, tmp_path: Path) -> None:
    home, (clear, _) = trained
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    with pytest.raises(TenureError, match=r"Version 2 cannot become champion\. Not passed"):
        promote(copy)
    with pytest.raises(TenureError, match="no version 9"):
        promote(copy, 9)
    with pytest.raises(TenureError, match="no earlier champion"):
        rollback(copy)
    assert promote(copy, 1).alias == "champion"
    client = open_store(copy)
    client.set_model_version_tag("tenure-churn", "2", "tenure.gate_passed", "true")
    assert promote(copy).version == "2"
    assert challenger(copy) is None
    assert rollback(copy).version == "1"
    with pytest.raises(TenureError, match="no earlier champion"):
        rollback(copy)
    best = champion(copy)
    assert best is not None
    assert best.version == clear.version
    assert [(m.after, m.by) for m in moves(copy)] == [("1", "gate"), ("2", "promote"), ("1", "rollback")]


def test_asking_an_empty_home_creates_nothing(tmp_path: Path) -> None:
    assert champion(tmp_path / "none") is None
    assert challenger(tmp_path / "none") is None
    assert not (tmp_path / "none").exists()


def test_a_home_that_is_no_store_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database at all, but long enough to be looked at" * 20)
    with pytest.raises(TenureError, match="not an MLflow store"):
        champion(tmp_path)


def test_a_damaged_version_does_not_become_champion(trained: Any, tmp_path: Path) -> None:
    home = Path(shutil.copytree(trained[0], tmp_path / "home"))
    trees = next(version(home, 1).folder.glob("*.txt"))
    trees.write_bytes(trees.read_bytes()[:200])
    with pytest.raises(TenureError, match=r"cannot become champion: .*damaged"):
        promote(home, 1)


def test_a_store_that_was_being_made_when_somebody_stopped_it_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db.part").write_bytes(b"SQLite format 3\x00 and no more")
    assert all(open_store(tmp_path).get_experiment_by_name(tracked_name(o)) for o in OUTCOMES)
    assert (tmp_path / "mlflow.db").exists()
    assert not (tmp_path / "mlflow.db.part").exists()


@pytest.mark.prove
def test_two_processes_may_make_the_store_at_once(tmp_path: Path) -> None:
    code = f"from pathlib import Path; from training.tracking import open_store; open_store(Path({str(tmp_path)!r}))"
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert all(open_store(tmp_path).get_experiment_by_name(tracked_name(o)) for o in OUTCOMES)
