"""Runs the notebooks from top to bottom in a kernel of their own, stores them, and says what in one is unfinished.

    python tests/notebooks/run.py                        all of notebooks/, as `make notebooks` does
    python tests/notebooks/run.py notebooks/3*.ipynb     some of them

They read the company in TENURE_COMPANY and the home in TENURE_HOME, and by themselves those of `make demo`. They run on
a copy of the home, so that nothing that a notebook does changes it.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LARGEST_OUTPUT = 300_000
"""Characters of one output; a figure of usual size and resolution has a third of them."""

_MACHINE = re.compile(r"(?:(?<![\w.:/])/(?:home|root|Users|tmp|work|var|private|opt|mnt|usr)/|[A-Z]:\\\\?Users)")
"""Where a path of somebody's machine begins."""


def executed(file: Path, company: Path, home: Path) -> NotebookNode:
    """A notebook after all its cells ran, in order, in its own folder and a new kernel, on a copy of a home.

    An error ends the run and stays in the cell's outputs, where `faults` finds it.
    """
    notebook = nbformat.read(file, as_version=4)
    notebook.metadata = NotebookNode(kernelspec={"name": "python3", "display_name": "Python 3", "language": "python"})
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        if home.exists():
            shutil.copytree(home, place / "home", ignore=shutil.ignore_patterns("*.log", "*.lock"))
        environment = {
            **os.environ,
            "TENURE_COMPANY": os.path.relpath(company.absolute(), file.parent.absolute()),
            "TENURE_HOME": str(place / "home"),
            # A kernel keeps a history and its connection in the user's folder, and plots may ask for a screen.
            "IPYTHONDIR": str(place / "ipython"),
            "JUPYTER_RUNTIME_DIR": str(place / "runtime"),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "OMP_NUM_THREADS": "1",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        client = NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            allow_errors=False,
            record_timing=False,
            # By files and not by ports, on which anybody on the machine could listen, as the kernel would warn.
            config=Config({"KernelManager": {"transport": "ipc", "ip": str(place / "kernel")}}),
            resources={"metadata": {"path": str(file.parent)}},
        )
        try:
            client.execute(env=environment)
        except Exception:  # what a cell raised stands in its outputs; anything else is raised again
            if not any(True for _ in _errors(notebook)):
                raise
    notebook.metadata.language_info = NotebookNode(name="python", file_extension=".py", mimetype="text/x-python")
    return notebook


def faults(notebook: NotebookNode) -> list[str]:
    """What keeps an executed notebook from being kept, in words; nothing where it is finished."""
    found = [f"cell {number} failed: {text}" for number, text in _errors(notebook)]
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append("its kernel is not python3")
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        found.append(f"its cells did not all run once and in order: {counts}")
    if notebook.cells[0].cell_type != "markdown" or not notebook.cells[0].source.startswith("# "):
        found.append("it does not begin with a title")
    if not any("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs):
        found.append("it has no figure")
    for number, cell in enumerate(notebook.cells, start=1):
        if _MACHINE.search(cell.source):
            found.append(f"cell {number} names a path of one machine")
        for output in cell.get("outputs", []):
            texts = list(_texts(output))
            if output.output_type == "stream" and (output.name == "stderr" or "[Warning]" in output.text):
                found.append(f"cell {number} warns: {output.text.strip()[:300]}")
            if any(_MACHINE.search(text) for kind, text in texts if not kind.startswith("image/png")):
                found.append(f"cell {number} shows a path of one machine")
            if (size := sum(len(text) for _, text in texts)) > LARGEST_OUTPUT:
                found.append(f"cell {number} has an output of {size:,} characters")
    return found


def _errors(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                yield number, f"{output.ename}: {output.evalue}"


def _texts(output: NotebookNode) -> Iterator[tuple[str, str]]:
    """Everything that one output shows, by its kind."""
    if output.output_type == "stream":
        yield output.name, output.text
    for kind, value in output.get("data", {}).items():
        yield kind, value if isinstance(value, str) else str(value)


def main(arguments: Sequence[str]) -> int:
    """Run and store notebooks; 1 where one of them is unfinished, which is then left as it was."""
    demo = NOTEBOOKS.parent / "demo-company"
    company = Path(os.environ.get("TENURE_COMPANY", demo / "history"))
    home = Path(os.environ.get("TENURE_HOME", demo / ".tenure"))
    if not company.exists():
        print(f"There is no company in {company}; run make demo first.", file=sys.stderr)
        return 1
    bad = 0
    for file in [Path(name) for name in arguments] or sorted(NOTEBOOKS.glob("*.ipynb")):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        notebook = executed(file, company, home)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found = faults(notebook)
        bad += bool(found)
        if not found:
            nbformat.write(notebook, file)
        print(f"{file.name}: {seconds:.0f} s of one processor; {'; '.join(found) or 'stored'}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
