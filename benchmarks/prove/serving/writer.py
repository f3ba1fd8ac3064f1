"""Writer: writes a day to a store in a new process each time, quickly, since that is forked from one that stands by.

`python -m benchmarks.prove.serving.writer HOME FILE` answers each line of stdin, a JSON list of a store's address (null
for that of the home), a day, a tag for all rows and how many accounts, with lines: the process that writes, `written`
if it came that far, and `ended`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.serving.homes import Home, crowd, opened
from serving.store.writing import write_day

__all__ = ["Writer", "writer"]


class Writer:
    """A process that stands by to write."""

    def __init__(self, home: Home) -> None:
        command = [sys.executable, "-m", __name__, str(home.folder), str(home.file)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[3]
        )

    def write(
        self, url: str | None, day: dt.date, tag: str, accounts: int, kill_after: float | None
    ) -> tuple[bool, float]:
        """Write a day, killed after so many seconds unless done by then; whether it said so, and after how long."""
        assert self._process.stdin is not None
        print(json.dumps([url, day.isoformat(), tag, accounts]), file=self._process.stdin, flush=True)
        writing, began = int(self._line()), time.monotonic()
        if kill_after is not None:
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):  # it is done; the number is not given away before `ended`
                os.kill(writing, signal.SIGKILL)
        lines = list(iter(self._line, "ended"))
        return "written" in lines, time.monotonic() - began

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The writer has ended.")
        return line.strip()

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@contextlib.contextmanager
def writer(home: Home) -> Iterator[Writer]:
    """A writer for as long as the context lasts."""
    standing_by = Writer(home)
    try:
        yield standing_by
    finally:
        standing_by.close()


def main(folder: Path, file: Path) -> None:
    """Stand by until stdin ends."""
    for line in sys.stdin:
        url, day, tag, accounts = json.loads(line)
        child = os.fork()
        if child == 0:
            _write(folder, file, url, dt.date.fromisoformat(day), tag, accounts)
            os._exit(0)
        os.waitpid(child, 0)
        print("ended", flush=True)


def _write(folder: Path, file: Path, url: str | None, day: dt.date, tag: str, accounts: int) -> None:
    frame = crowd(file, accounts).assign(as_of=day, name=tag)
    with opened(folder, url) as store:
        print(os.getpid(), flush=True)
        write_day(store, frame, day)
        print("written", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
