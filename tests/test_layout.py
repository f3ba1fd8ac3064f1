"""The repository's own promises: imports point one way, nothing shadows mlflow, generated pages are current."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from features.document import catalogue_page
from serving.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]
ORDER = ("features", "training", "success", "serving")
MLFLOW_MODULES = {
    "training/moves.py",
    "training/stores.py",
    "training/tracking.py",
    "training/tuning/tracked.py",
    "training/registry.py",
    "training/packaging.py",
}
BENTOML_MODULES = {"serving/service.py", "serving/front.py"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", ORDER)
def test_imports_point_one_way(package: str) -> None:
    later = set(ORDER[ORDER.index(package) + 1 :]) | {"benchmarks", "tests"}
    for file in modules(package):
        assert not later & set(imported(file)), f"{file} imports against the direction"


def test_only_tracking_imports_mlflow_and_only_the_service_imports_bentoml() -> None:
    for package in ORDER:
        for file in modules(package):
            name = file.relative_to(ROOT).as_posix()
            assert "mlflow" not in imported(file) or name in MLFLOW_MODULES, name
            assert "bentoml" not in imported(file) or name in BENTOML_MODULES, name


def test_nothing_that_executes_is_loaded() -> None:
    forbidden = {"pickle", "cloudpickle", "joblib", "dill", "marshal", "shelve", "skops"}
    for package in ORDER:
        for file in modules(package):
            assert not forbidden & set(imported(file)), file


def test_mlflow_is_the_library() -> None:
    assert not list((ROOT / "mlflow").rglob("*.py")), "a module under mlflow/ would shadow the library"
    code = "import mlflow; print(mlflow.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "site-packages" in done.stdout
    assert not Path(done.stdout.strip()).is_relative_to(ROOT / "mlflow")


def test_the_feature_page_is_current() -> None:
    page = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    assert page == catalogue_page(), "run `make docs`"


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_has_an_example_and_is_in_the_readme(name: str) -> None:
    command = cli.commands[name]
    assert f"Example: tenure {name}" in (command.help or "")
    assert f"tenure {name}" in (ROOT / "README.md").read_text(encoding="utf-8")
    options = {o for p in command.params if isinstance(p, click.Option) for o in p.opts}
    assert {"--home", "--config"} <= options


def test_every_module_is_in_the_architecture_page() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for package in ORDER:
        for file in modules(package):
            name = file.relative_to(ROOT).as_posix()
            if file.name in ("__init__.py", "__main__.py"):
                continue
            assert f"`{name}`" in page, f"{name} is missing in ARCHITECTURE.md"
    for name in re.findall(r"`((?:features|training|success|serving)/[\w/]+\.py)`", page):
        assert (ROOT / name).exists(), f"ARCHITECTURE.md names {name}, which is not there"


def test_settings_are_documented() -> None:
    import dataclasses

    from features.money import BaselineSettings, RevenueSettings
    from features.settings import ChurnSettings, ExpansionSettings, HistorySettings, TrainingSettings

    page = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    for section in (
        ChurnSettings,
        ExpansionSettings,
        HistorySettings,
        TrainingSettings,
        RevenueSettings,
        BaselineSettings,
    ):
        for field in dataclasses.fields(section):
            if field.name == "rates":  # a section of its own
                continue
            assert re.search(rf"^{field.name} = ", page, re.MULTILINE), f"{field.name} is missing in docs/config.md"


def test_the_lock_names_no_address_and_hashes_everything() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "index" not in "".join(line for line in lock.splitlines() if line.startswith("-"))
    pins = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", lock, flags=re.MULTILINE))
    assert len(pins) > 100
    assert all("--hash=sha256:" in pin for pin in pins if "==" in pin)
