"""Scratch: a private folder for copies of a source, removed when nothing reads them any more."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import weakref
from pathlib import Path

__all__ = ["Scratch"]


class Scratch:
    """A temporary folder that lives as long as the sources that hold it; only its owner may read it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tenure-"))
        self._numbers = itertools.count()
        weakref.finalize(self, shutil.rmtree, str(self.folder), True)

    def file(self, suffix: str) -> Path:
        """A new path in the folder; nothing is there yet."""
        return self.folder / f"{next(self._numbers)}{suffix}"
