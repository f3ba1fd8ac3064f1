"""Small companies for the tests of `features`: literal tables, made-up ones, and an oracle."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from features.history import History
from features.settings import Settings


def _beside(name: str) -> ModuleType:
    """A support module of this folder; tests are collected by path, so there is no package to import it from."""
    qualified = f"tenure_test_support_{name}"
    if qualified not in sys.modules:
        spec = importlib.util.spec_from_file_location(qualified, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[qualified] = module
        spec.loader.exec_module(module)
    return sys.modules[qualified]


@pytest.fixture(scope="session")
def company() -> ModuleType:
    """Makes small random companies and writes them as CSV or Parquet."""
    return _beside("company")


@pytest.fixture(scope="session")
def upheaval() -> ModuleType:
    """Rewrites whatever becomes known on or after a day."""
    return _beside("upheaval")


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """Features and statuses in plain loops."""
    return _beside("oracle")


@pytest.fixture(scope="session")
def loops() -> ModuleType:
    """The algebra in plain loops, and random declarations in it."""
    return _beside("loops")


@pytest.fixture(scope="session")
def fresh_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A new empty folder at each call."""
    root, number = tmp_path_factory.mktemp("companies"), itertools.count()

    def make() -> Path:
        folder = root / f"c{next(number)}"
        folder.mkdir()
        return folder

    return make


@pytest.fixture(scope="session")
def open_tables(fresh_folder: Callable[[], Path]) -> Callable[..., History]:
    """Open a company given as literal CSV tables; blanks around commas are for the reader's eye only."""

    def make(tables: Mapping[str, str], settings: Settings | None = None, **options: Any) -> History:
        folder = fresh_folder()
        for name, text in tables.items():
            lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
            cells = [",".join(cell.strip() for cell in line.split(",")) for line in lines]
            (folder / f"{name}.csv").write_text("\n".join(cells) + "\n", encoding="utf-8")
        return History.open(folder, settings or Settings(), **options)

    return make
