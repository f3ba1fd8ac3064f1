"""The MLflow folder: the kernel's modules in one file, which gives the kernel's numbers."""

from __future__ import annotations

import ast
import subprocess
import sys
import warnings
from collections import defaultdict
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import training.kernel as package
from training.kernel import files, load_kernel, maps, model, rows
from training.packaging import CARD_FILE, KERNEL_FOLDER, pyfunc_source, write_pyfunc


def test_a_name_stands_for_one_thing_in_all_modules_of_the_kernel() -> None:
    """Put one after the other, a later definition would replace an earlier one."""
    defined = defaultdict(set)
    for module in (maps, rows, model, files):
        for node in ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                defined[node.name].add(ast.dump(node))
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id != "__all__":
                        defined[target.id].add(ast.dump(node.value))
    assert {name for name, meanings in defined.items() if len(meanings) > 1} == set()
    listed = {Path(str(m.__file__)).name for m in (maps, rows, model, files)} | {"__init__.py"}
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
    kernels.rows(1).to_json(tmp_path / "rows.json")
    alone = text[: text.index("import mlflow.pyfunc")]
    alone += (
        f"kernel = load_kernel(Path({str(tmp_path / 'kernel')!r}))\n"
        f"rows = pd.read_json({str(tmp_path / 'rows.json')!r}, dtype=False)\n"
        "print([kernel.probabilities(rows, h).tolist() for h in kernel.horizons])\n"
        "import sys; assert not [m for m in sys.modules if m.split('.')[0] in ('training', 'features')]\n"
    )
    (tmp_path / "alone.py").write_text(alone)
    run = subprocess.run([sys.executable, "-I", tmp_path / "alone.py"], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    import pandas as pd

    again = pd.read_json(tmp_path / "rows.json", dtype=False)
    assert ast.literal_eval(run.stdout) == [kernel.probabilities(again, h).tolist() for h in kernel.horizons]


@pytest.mark.parametrize("seed", [2, 5])
def test_a_loaded_folder_gives_the_kernels_numbers(kernels: ModuleType, tmp_path: Path, seed: int) -> None:
    kernel, asked = kernels.kernel(Random(seed)), kernels.rows(seed, 30)
    card: dict[str, Any] = {"outcome": "churn"}
    write_pyfunc(kernel, card, tmp_path / "m", card_text="# A card")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mlflow's own
        import mlflow.pyfunc

        loaded = mlflow.pyfunc.load_model(str(tmp_path / "m"))
        for part in (asked, asked.drop(columns=["b", "plan"]), asked.iloc[[3]], asked.set_index(asked.index + 7)):
            got = loaded.predict(part)
            assert list(got.columns) == [f"churn_{h}d" for h in kernel.horizons]
            assert list(got.index) == list(part.index)
            for horizon in kernel.horizons:
                assert got[f"churn_{horizon}d"].tolist() == kernel.probabilities(part, horizon).tolist()
    folder = tmp_path / "m" / "artifacts" / KERNEL_FOLDER
    assert load_kernel(folder).intervals == kernel.intervals
    assert (folder / CARD_FILE).read_text() == '{\n "outcome": "churn"\n}\n'
    assert (folder / "card.md").read_text() == "# A card"
    for path in (tmp_path / "m").rglob("*"):
        if path.is_file():
            path.read_text(encoding="utf-8")  # text, every one: no pickle
    assert np.isfinite(got.to_numpy()).all()
