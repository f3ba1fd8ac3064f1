"""Logs: records of Tenure and of the libraries in; a line of JSON each out, without what a person is known by."""

from __future__ import annotations

import contextvars
import datetime as dt
import json
import logging
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

__all__ = ["AUDIT", "REQUEST_ID", "JsonLines", "audit", "configure"]

AUDIT = logging.getLogger("tenure.audit")

REQUEST_ID: contextvars.ContextVar[str | None] = contextvars.ContextVar("tenure_request_id", default=None)
"""Of the request that is being answered; told in every record that is made on its behalf, in threads too."""

_ROOT = Path(__file__).resolve().parents[1]


class JsonLines(logging.Formatter):
    """One line of JSON a record: time, level, logger, message, the request's id, and what `extra` said.

    Of an exception only its type and where it was raised are told: its text may quote a row, and so an account.
    Everything but ASCII is escaped, so that nothing in a message can end a line or move a terminal's cursor.
    """

    def __init__(self) -> None:
        super().__init__()
        self._encode = json.JSONEncoder(default=str).encode
        self._second = (0, "")

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self._utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request_id = REQUEST_ID.get()
        if request_id is not None:
            line["request_id"] = request_id
        line.update(getattr(record, "tenure", ()))
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _told(record.exc_info[1])
        return self._encode(line)

    def _utc(self, seconds: float) -> str:
        whole = int(seconds)
        second, text = self._second
        if whole != second:  # many lines are of the same second, and wording it is a tenth of what a line costs
            text = dt.datetime.fromtimestamp(whole, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = whole, text
        return f"{text}.{int((seconds - whole) * 1000):03d}Z"


def _told(error: BaseException) -> list[dict[str, Any]]:
    """An exception and those that it came from, each as its type and the lines that led to it, innermost last."""
    told: list[dict[str, Any]] = []
    seen: set[int] = set()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        frames = traceback.extract_tb(inner.__traceback__)[-8:]
        places = [f"{_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
        told.append({"type": type(inner).__qualname__, "at": places})
        inner = inner.__cause__ or (None if inner.__suppress_context__ else inner.__context__)
    return told


def _place(file: str) -> str:
    path = Path(file)
    return path.relative_to(_ROOT).as_posix() if path.is_relative_to(_ROOT) else "/".join(path.parts[-3:])


def audit(fields: Mapping[str, Any]) -> None:
    """Write the line of one access."""
    if AUDIT.isEnabledFor(logging.INFO):
        # Not `info`, which first looks for the line of code that called it: half of what a line would cost.
        record = logging.LogRecord(AUDIT.name, logging.INFO, "", 0, "access", None, None)
        record.tenure = fields
        AUDIT.handle(record)


def configure(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Have every record of this process written as a line of JSON, by default on stderr.

    For a worker of the service, after BentoML has set up its own. The access logs of uvicorn and BentoML, which hold
    addresses of clients and whole paths, are switched off; what is accessed stands in the audit lines.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("tenure", "bentoml", "uvicorn", "uvicorn.error", "circus"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    logging.getLogger("tenure").setLevel(level)
    for name in ("uvicorn.access", "bentoml.access"):
        silent = logging.getLogger(name)
        silent.handlers.clear()
        silent.propagate = False  # uvicorn asks whether anybody listens, and then does not even make the record
        silent.setLevel(logging.CRITICAL)
    # What no line tells is not looked up for it either, which is a third of a record's cost.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.captureWarnings(True)
