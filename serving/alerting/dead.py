"""Dead letters: messages that were given up in; each one line, once, in a file of the home, out."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from features.errors import TenureError
from serving.alerting.outbox import Dead
from training.stores import alone

__all__ = ["DEAD_FILE", "append_dead"]

DEAD_FILE = "alerts.dead.jsonl"


def append_dead(home: Path, letters: Sequence[Dead]) -> int:
    """Append those that the file does not tell of yet, each as one line; how many.

    The store knows what was given up, and the file follows it: whoever was killed between the two is made up for by the
    next run. One that is given up again after a retry is told of again.

    Raises
    ------
    TenureError : the file cannot be written.
    """
    file = home / DEAD_FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        with alone(home, f"{DEAD_FILE}.lock"):
            known, torn = _known(file)
            lines = [line for letter in letters if (line := _line(letter))[0] not in known]
            if not lines:
                return 0
            text = ("\n" if torn else "") + "".join(f"{text}\n" for _, text in lines)
            handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(text.encode("utf-8"))
                out.flush()
                os.fsync(out.fileno())
    except OSError as error:
        raise TenureError(f"The file {file} cannot be written ({error.strerror}); mend that and run again.") from None
    return len(lines)


def _line(letter: Dead) -> tuple[tuple[str, str], str]:
    """What tells a line apart, and the line."""
    told = {
        "id": letter.id,
        "dead_at": letter.dead_at.isoformat(timespec="microseconds"),
        "attempts": letter.attempts,
        "last_error": letter.last_error,
        "body": json.loads(letter.body),
    }
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return (told["id"], told["dead_at"]), text


def _known(file: Path) -> tuple[set[tuple[str, str]], bool]:
    """What the file tells of, and whether its last line lacks its end, as after a power cut."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return set(), False
    known = set()
    for line in content.split(b"\n"):
        try:
            told = json.loads(line)
            known.add((told["id"], told["dead_at"]))
        except (ValueError, TypeError, KeyError):
            continue  # half a line, or somebody's own
    return known, bool(content) and not content.endswith(b"\n")
