"""The examples of docs/python.md run as they stand, and the names that packages export are there and never wrong."""

from __future__ import annotations

import ast
import doctest
import importlib
import json
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = """
[outcomes.churn]
horizons = [90]
[outcomes.expansion]
horizons = [90]
[training]
bootstrap = 200
"""
PACKAGES = ("features", "training")
# Each name is asked for after its package alone, after all of the package's modules, and in one `import *`.
ORDERS = {
    "name first": "import {p}; found = {{n: getattr({p}, n) for n in {p}.__all__}}; {modules}",
    "modules first": "import {p}; {modules}; found = {{n: getattr({p}, n) for n in {p}.__all__}}",
    "all at once": "found = {{}}; exec('from {p} import *', found); {modules}",
}


@pytest.mark.slow
def test_the_page_runs(company: Path, scored_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = tmp_path / "demo-company"
    demo.mkdir()
    (demo / "history").symlink_to(company, target_is_directory=True)
    shutil.copytree(scored_home, demo / ".tenure", ignore=shutil.ignore_patterns("*.log", "*.lock"))
    (tmp_path / "tenure.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS | doctest.FAIL_FAST
    found = doctest.testfile(str(ROOT / "docs" / "python.md"), module_relative=False, optionflags=flags)
    assert found.attempted > 30
    assert not found.failed


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_lists_what_it_has(name: str) -> None:
    package = importlib.import_module(name)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nothing'"):
        _ = package.nothing
    tree = ast.parse((ROOT / name / "__init__.py").read_text(encoding="utf-8"))
    typed = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed - {"TYPE_CHECKING", "lazily"} == set(package.__all__), "what type checkers see"


@pytest.mark.parametrize("name", PACKAGES)
def test_no_name_is_that_of_a_module(name: str) -> None:
    package = importlib.import_module(name)
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert not modules & set(package.__all__), "importing the module would put it in the name's place"


@pytest.mark.parametrize("order", ORDERS)
def test_a_name_is_the_same_in_whatever_order_it_is_imported(order: str) -> None:
    """In processes of their own, where nothing is imported yet."""
    kinds = []
    for name in PACKAGES:
        modules = [m.name for m in pkgutil.iter_modules([str(ROOT / name)]) if not m.name.startswith("_")]
        imports = "; ".join(f"import {name}.{module}" for module in modules)
        code = ORDERS[order].format(p=name, modules=imports)
        code += f"\nimport json, {name}\nfor n in {name}.__all__: assert getattr({name}, n) is found[n], n"
        code += f"\nprint(json.dumps({{n: type(found[n]).__name__ for n in {name}.__all__}}))"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        kinds.append(json.loads(done.stdout.splitlines()[-1]))
    assert all("module" not in found.values() for found in kinds)


def test_the_packages_cost_nothing_to_import() -> None:
    code = "import sys, features, training; print(sorted({'numpy', 'pandas', 'duckdb', 'lightgbm'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["features", "training", "success", "serving"])
def test_a_package_says_that_it_is_typed(name: str) -> None:
    assert (ROOT / name / "py.typed").exists()
