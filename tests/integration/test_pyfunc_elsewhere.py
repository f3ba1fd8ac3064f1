"""Where nothing of Tenure is: the registered versions, as MLflow and Spark load them, answer as the service does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pandas as pd
import pytest

from features.build import build_features
from features.catalogue import CATALOGUE
from features.history import History
from serving.forecast import Forecast, load_model
from training.kernel.drivers import with_rest
from training.registry import version

SPARK = ("pyspark==4.3.0", "pandas==2.3.3")  # of pandas 3, Spark says that it does not support all of it yet

IN_MLFLOW = """
    import json, sys
    import mlflow, pandas as pd

    store, rows, out = sys.argv[1:]
    mlflow.set_tracking_uri(store)
    rows = pd.read_parquet(rows).set_index("account_id")
    first, expansion, second = map(mlflow.pyfunc.load_model, ["models:/tenure-churn/1", "models:/tenure-expansion/1",
                                                              "models:/tenure-churn/1"])
    answers = {
        "churn": first.predict(rows),
        "again": second.predict(rows),
        "at_30": second.predict(rows, params={"horizon": 30, "explain": 5}),
        "whole": first.predict(rows, params={"explain": 100}),
        "none": first.predict(rows, params={"explain": 0}),
        "expansion": expansion.predict(rows),
    }
    assert all(list(answer.index) == list(rows.index) for answer in answers.values())
    assert not {m.split(".")[0] for m in sys.modules} & {"features", "training", "success", "serving", "tenure"}
    with open(out, "w") as file:
        json.dump({k: a.reset_index().to_dict("records") for k, a in answers.items()}, file)
"""

IN_SPARK = """
    import json, sys
    import mlflow
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import struct

    store, rows, out = sys.argv[1:]
    mlflow.set_tracking_uri(store)
    settings = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    frame = spark.read.parquet(rows).repartition(2)
    assert frame.rdd.getNumPartitions() == 2
    told = {}
    for name, outcome, params in [("churn", "churn", {}), ("at_30", "churn", {"horizon": 30, "explain": 5}),
                                  ("expansion", "expansion", {})]:
        uri = f"models:/tenure-{outcome}/1"
        columns = mlflow.models.get_model_info(uri).signature.inputs.input_names()
        told[name] = mlflow.pyfunc.spark_udf(spark, uri, params=params)(struct(*columns)).alias(name)
    rows = [row.asDict(recursive=True) for row in frame.select("account_id", *told.values()).collect()]
    answers = {name: [{"account_id": row["account_id"]} | row[name] for row in rows] for name in told}
    spark.stop()
    with open(out, "w") as file:
        json.dump(answers, file)
"""


class Elsewhere(NamedTuple):
    """Where a script is to find what it reads."""

    store: str
    rows: Path
    requirements: Path
    place: Path

    def answers(self, script: str, packages: tuple[str, ...] = ()) -> dict[str, dict[str, dict[str, Any]]]:
        """What a script tells, by account, run in a new environment that holds what the version requires.

        Parameters
        ----------
        packages : others that it holds, in place of those of the same name.
        """
        python, file = self.place / "env" / "bin" / "python", self.place / "script.py"
        file.write_text(textwrap.dedent(script))
        named = {package.split("==")[0] for package in packages}
        kept = [r for r in self.requirements.read_text().split() if r.split("==")[0] not in named]
        _run(sys.executable, "-m", "uv", "venv", "--python", sys.executable, self.place / "env")
        _run(sys.executable, "-m", "uv", "pip", "install", "--python", python, *kept, *packages)
        listed = _run(sys.executable, "-m", "uv", "pip", "list", "--format", "json", "--python", python)
        assert not {"tenure", "duckdb", "bentoml", "shap"} & {package["name"] for package in json.loads(listed)}
        _run(python, "-I", file, self.store, self.rows, self.place / "out.json", cwd=self.place)
        told = json.loads((self.place / "out.json").read_text())
        return {name: {row.pop("account_id"): row for row in rows} for name, rows in told.items()}


def _run(*command: object, cwd: Path | None = None) -> str:
    python = {
        "PYSPARK_PYTHON": str(command[0]),
        "PYSPARK_DRIVER_PYTHON": str(command[0]),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PYTHON", "VIRTUAL"))}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        capture_output=True,
        text=True,
        env=kept | python | {"SPARK_LOCAL_IP": "127.0.0.1"},
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def rows(history: History) -> pd.DataFrame:
    """The features of the company's last day, by account."""
    return build_features(history, [history.observed_until])


@pytest.fixture
def elsewhere(scored_home: Path, rows: pd.DataFrame, tmp_path: Path) -> Elsewhere:
    rows.to_parquet(tmp_path / "rows.parquet", index=False)
    requirements = version(scored_home, 1).folder.parents[1] / "requirements.txt"
    return Elsewhere(f"sqlite:///{scored_home / 'mlflow.db'}", tmp_path / "rows.parquet", requirements, tmp_path)


@pytest.fixture(scope="module")
def stored(server: str, bearer: dict[str, str], rows: pd.DataFrame) -> Callable[[int], dict[str, dict[str, Any]]]:
    """`stored(explain)`: what POST /score answers of every account that has features."""

    def ask(explain: int) -> dict[str, dict[str, Any]]:
        asked = {"account_ids": rows["account_id"].tolist(), "explain": explain}
        answer = httpx.post(f"{server}/score", json=asked, headers=bearer, timeout=60).json()
        return {row["account_id"]: row for row in answer["results"]}

    return ask


@pytest.fixture(scope="module")
def fresh(server: str, bearer: dict[str, str], rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """What POST /score_features answers of the same features, five drivers of 30 days."""
    sent = rows[["account_id", *CATALOGUE.names]].astype(object)
    found = sent.where(sent.notna(), None).to_dict("records")
    asked = {"rows": found, "explain": 5, "horizon": 30}
    answer = httpx.post(f"{server}/score_features", json=asked, headers=bearer, timeout=60)
    return {row["account_id"]: row for row in answer.json()["results"]}


@pytest.fixture(scope="module")
def grown(scored_home: Path, rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """What the service would say of expansion, had its version passed the gate: three drivers."""
    churn, expansion = (load_model(version(scored_home, 1, outcome)) for outcome in ("churn", "expansion"))
    forecast = Forecast(churn, expansion)
    horizon = forecast.horizon_of("expansion", 90)
    found = forecast.figures(rows).astype(object).to_dict("records")
    for row, told in zip(found, forecast.drivers(expansion.kernel, rows, horizon), strict=True):
        p, typical = row[f"expansion_{horizon}d"], row[f"expansion_typical_{horizon}d"]
        row["drivers"] = with_rest(told[:3], len(told) > 3, p, typical) if p == p else []
    return dict(zip(rows["account_id"], found, strict=True))


def same(told: Mapping[str, dict[str, Any]], served: Mapping[str, dict[str, Any]], prefix: str = "") -> None:
    """Hold that every figure agrees to 1e-12, and every driver to the letter but for its points."""
    assert set(told) == set(served)
    assert len(told) > 200
    for account, mine in told.items():
        theirs = served[account]
        for name, value in mine.items():
            if name == "drivers":
                drivers, others = json.loads(value), theirs[f"{prefix}drivers"]
                assert [d.pop("points") for d in drivers] == pytest.approx(
                    [d["points"] for d in others], abs=1e-12, rel=0
                )
                # What an account is like beside others is the service's to say, not the model's.
                apart = ("points", "health_points", "peer")
                assert drivers == [{k: v for k, v in d.items() if k not in apart} for d in others]
            else:
                found = np.nan if theirs[name] is None else theirs[name]
                mine_too = np.nan if value is None else value
                assert mine_too == pytest.approx(found, abs=1e-12, rel=0, nan_ok=True), (account, name)


@pytest.mark.slow
def test_in_an_environment_with_nothing_of_tenure_it_answers_as_the_service(
    elsewhere: Elsewhere,
    stored: Callable[[int], dict[str, dict[str, Any]]],
    fresh: dict[str, dict[str, Any]],
    grown: dict[str, dict[str, Any]],
) -> None:
    told = elsewhere.answers(IN_MLFLOW)
    assert json.dumps(told["again"]) == json.dumps(told["churn"])
    same(told["churn"], stored(3))
    same(told["whole"], stored(100))
    same(told["none"], stored(0))
    same(told["at_30"], fresh)
    same(told["expansion"], grown)


@pytest.mark.prove
def test_as_a_spark_udf_it_answers_as_the_service(
    elsewhere: Elsewhere,
    stored: Callable[[int], dict[str, dict[str, Any]]],
    fresh: dict[str, dict[str, Any]],
    grown: dict[str, dict[str, Any]],
) -> None:
    told = elsewhere.answers(IN_SPARK, SPARK)
    same(told["churn"], stored(3))
    same(told["at_30"], fresh)
    same(told["expansion"], grown)
