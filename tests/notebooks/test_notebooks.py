"""Every notebook runs from top to bottom on the small company, and is stored finished."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(file.name for file in (ROOT / "notebooks").glob("*.ipynb"))
SHORTEST = "4_read_explanations.ipynb"


def _runner() -> ModuleType:
    """`run.py` beside this file, which stands in no package."""
    spec = importlib.util.spec_from_file_location("tenure_test_notebooks", Path(__file__).with_name("run.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUN = _runner()


def _others() -> list[str]:
    """What is in the folder and is no notebook."""
    found = [name for name in os.listdir(ROOT / "notebooks") if not name.startswith(".")]
    return [name for name in found if not name.endswith(".ipynb")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == SHORTEST else pytest.mark.prove) for name in NAMES]
)
def test_a_notebook_runs(name: str, company: Path, scored_home: Path) -> None:
    notebook = RUN.executed(ROOT / "notebooks" / name, company, scored_home)
    assert RUN.faults(notebook) == []
    assert _others() == [], "a notebook leaves files behind"


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_finished(name: str) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    nbformat.validate(notebook)
    assert RUN.faults(notebook) == []


def test_the_folder_holds_only_notebooks() -> None:
    assert _others() == []


@pytest.fixture
def finished() -> nbformat.NotebookNode:
    """A notebook without a fault."""
    figure = new_output("display_data", data={"image/png": "iVBORw0KGgo/home/x"})
    cells = [new_markdown_cell("# A title"), new_code_cell("1 + 1", execution_count=1, outputs=[figure])]
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


def test_a_finished_notebook_has_no_fault(finished: nbformat.NotebookNode) -> None:
    assert RUN.faults(finished) == []


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (new_output("error", ename="KeyError", evalue="'mrr'", traceback=[]), "cell 2 failed: KeyError: 'mrr'"),
        (new_output("stream", name="stderr", text="FutureWarning: soon"), "cell 2 warns: FutureWarning: soon"),
        (new_output("stream", name="stdout", text="[LightGBM] [Warning] no"), "cell 2 warns"),
        (new_output("stream", name="stdout", text="in /home/me/company"), "cell 2 shows a path of one machine"),
        (new_output("display_data", data={"text/html": "a" * 300_001}), "cell 2 has an output of 300,001 characters"),
    ],
)
def test_a_bad_output_is_a_fault(finished: nbformat.NotebookNode, output: nbformat.NotebookNode, said: str) -> None:
    finished.cells[1].outputs.append(output)
    (fault,) = RUN.faults(finished)
    assert fault.startswith(said)


def test_what_did_not_run_or_has_no_figure_is_a_fault(finished: nbformat.NotebookNode) -> None:
    finished.cells.append(new_code_cell("1 + 1"))
    finished.cells[0].source = "no title"
    finished.cells[1].outputs = []
    finished.metadata.kernelspec.name = "mine"
    assert len(RUN.faults(finished)) == 4


def test_a_cell_that_fails_is_found(tmp_path: Path) -> None:
    file = tmp_path / "bad.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Bad"), new_code_cell("1 / 0")]), file)
    assert "cell 2 failed: ZeroDivisionError: division by zero" in RUN.faults(RUN.executed(file, tmp_path, tmp_path))
