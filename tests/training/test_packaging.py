"""The MLflow folder: the kernel's modules in one file, which answers as the kernel does."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import training.kernel as package
from training.kernel import load_kernel
from training.kernel.answer import answer, headline
from training.kernel.figures import inputs
from training.packaging import CARD_FILE, KERNEL_FOLDER, MODULES, pyfunc_source, write_pyfunc
from training.tracking import quiet_mlflow


def test_a_name_stands_for_one_thing_in_all_modules_of_the_kernel() -> None:
    """Put one after the other, a later definition would replace an earlier one."""
    defined = defaultdict(set)
    for module in MODULES:
        for node in ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                defined[node.name].add(ast.dump(node))
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id != "__all__":
                        defined[target.id].add(ast.dump(node.value))
    assert {name for name, meanings in defined.items() if len(meanings) > 1} == set()
    listed = {Path(str(m.__file__)).name for m in MODULES} | {"__init__.py"}
    assert {file.name for file in Path(str(package.__file__)).parent.glob("*.py")} == listed


def test_the_file_imports_nothing_of_ours_and_runs_alone(kernels: ModuleType, tmp_path: Path) -> None:
    text = pyfunc_source()
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"numpy", "pandas", "lightgbm", "mlflow"}
    kernel = kernels.kernel(Random(1), 2)
    package.save_kernel(kernel, tmp_path / "kernel")
    kernels.rows(1).replace([np.inf, -np.inf], np.nan).to_json(tmp_path / "rows.json")
    alone = text[: text.index("import mlflow.pyfunc")]
    alone += (
        f"kernel = load_kernel(Path({str(tmp_path / 'kernel')!r}))\n"
        f"rows = pd.read_json({str(tmp_path / 'rows.json')!r}, dtype=False)\n"
        "print([answer(kernel, rows, h).fillna(-1).to_dict('records') for h in kernel.horizons])\n"
        "import sys; assert not [m for m in sys.modules if m.split('.')[0] in ('training', 'features')]\n"
    )
    (tmp_path / "alone.py").write_text(alone)
    run = subprocess.run([sys.executable, "-I", tmp_path / "alone.py"], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    again = pd.read_json(tmp_path / "rows.json", dtype=False)
    assert ast.literal_eval(run.stdout) == [
        answer(kernel, again, h).fillna(-1).to_dict("records") for h in kernel.horizons
    ]


@pytest.fixture(scope="module")
def load() -> Callable[[Path], Any]:
    """`load(folder)`: an MLflow folder as other people's tools have it, without what mlflow says of itself."""

    def read(folder: Path) -> Any:
        with quiet_mlflow():
            import mlflow.pyfunc

            return mlflow.pyfunc.load_model(str(folder))

    return read


@pytest.mark.parametrize("seed", [2, 3, 4, 5, 9])
def test_a_loaded_folder_answers_as_the_kernel_does(
    kernels: ModuleType, tmp_path: Path, load: Callable[[Path], Any], seed: int
) -> None:
    kernel, asked = kernels.kernel(Random(seed)), kernels.rows(seed, 30).replace([np.inf, -np.inf], np.nan)
    asked = asked.assign(mrr=np.arange(30.0), days_to_renewal=np.arange(30.0) * 5, term_months=12.0, d=2.5)
    write_pyfunc(kernel, {}, tmp_path / "m")
    loaded = load(tmp_path / "m")
    with quiet_mlflow():
        for part in (asked, asked.drop(columns=["b", "plan"]), asked.iloc[[3]], asked.set_index(asked.index + 7)):
            for params in ({}, {"explain": 0}, {"horizon": kernel.horizons[-1], "explain": 2}):
                pd.testing.assert_frame_equal(loaded.predict(part, params=params), answer(kernel, part, **params))
        for wrong in ({"explain": -1}, {"horizon": 100_000}):
            with pytest.raises(ValueError, match=r"^[^\n]*\.$"):
                loaded.predict(asked, params=wrong)
        assert loaded.predict(asked.head(0)).shape == (0, answer(kernel, asked).shape[1])


def test_two_versions_load_side_by_side_and_keep_apart(
    kernels: ModuleType, tmp_path: Path, load: Callable[[Path], Any]
) -> None:
    several, asked = [kernels.kernel(Random(seed)) for seed in (1, 5)], kernels.rows(1).drop(columns="a")
    loaded = []
    for n, kernel in enumerate(several):
        write_pyfunc(kernel, {}, tmp_path / f"m{n}")
        loaded += [load(tmp_path / f"m{n}"), load(tmp_path / f"m{n}")]
    for n, one in enumerate(loaded):
        pd.testing.assert_frame_equal(one.predict(asked), answer(several[n // 2], asked))


def test_its_schema_names_every_column_and_its_example_can_be_sent(kernels: ModuleType, tmp_path: Path) -> None:
    kernel = next(k for k in map(kernels.kernel, map(Random, range(20))) if "d" in k.words)
    write_pyfunc(kernel, {}, tmp_path / "m")
    with quiet_mlflow():
        from mlflow.models import get_model_info

        signature = get_model_info(str(tmp_path / "m")).signature
    wanted = inputs(kernel)
    assert {*kernel.feature_names, "d", "mrr", "days_to_renewal", "term_months"} == set(wanted)
    assert signature.inputs.input_names() == list(wanted)
    assert not any(spec.required for spec in signature.inputs)
    assert [t.name for t in signature.inputs.input_types()] == ["string" if t else "double" for t in wanted.values()]
    answered = answer(kernel, pd.DataFrame())
    assert signature.outputs.input_names() == list(answered.columns)
    assert [t.name for t in signature.outputs.input_types()] == ["double"] * (answered.shape[1] - 1) + ["string"]
    assert {spec.name: spec.default for spec in signature.params} == {"horizon": headline(kernel), "explain": 3}
    example = json.loads((tmp_path / "m" / "serving_input_example.json").read_text())
    sent = pd.DataFrame(example["dataframe_split"]["data"], columns=example["dataframe_split"]["columns"])
    assert sent.iloc[0].dropna().to_dict() == {k: v for k, v in kernel.typical.items() if v is not None}
    assert len(answer(kernel, sent, **example["params"])) == 1


def test_a_folder_holds_text_and_the_card(kernels: ModuleType, tmp_path: Path) -> None:
    kernel, card = kernels.kernel(Random(2)), {"outcome": "churn"}
    write_pyfunc(kernel, card, tmp_path / "m", card_text="# A card")
    folder = tmp_path / "m" / "artifacts" / KERNEL_FOLDER
    loaded = load_kernel(folder)
    assert (loaded.intervals, loaded.words) == (kernel.intervals, kernel.words)
    assert (folder / CARD_FILE).read_text() == '{\n "outcome": "churn"\n}\n'
    assert (folder / "card.md").read_text() == "# A card"
    for path in (tmp_path / "m").rglob("*"):
        if path.is_file():
            path.read_text(encoding="utf-8")  # text, every one: no pickle
