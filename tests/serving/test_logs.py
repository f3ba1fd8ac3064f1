"""Logs: every record one line of JSON, and no line that could tell who somebody is."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.logs import AUDIT, REQUEST_ID, JsonLines, audit, configure


class Lines:
    """What was logged, as the lines of a stream."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter([json.loads(line) for line in self.text.splitlines()])


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The lines of this process while logging is set up as in a worker; put back afterwards."""
    names = ("", "tenure", "bentoml", "bentoml.access", "uvicorn", "uvicorn.error", "uvicorn.access", "circus")
    before = [(log := logging.getLogger(name), log.handlers[:], log.level, log.propagate) for name in names]
    looked_up = logging.logThreads, logging.logProcesses, logging.logMultiprocessing
    found = Lines()
    try:
        configure(found.stream)
        yield found
    finally:
        logging.captureWarnings(False)
        logging.logThreads, logging.logProcesses, logging.logMultiprocessing = looked_up
        for log, handlers, level, propagate in before:
            log.handlers[:], log.propagate = handlers, propagate
            log.setLevel(level)


def test_a_record_is_one_line_with_its_time_level_logger_and_request(lines: Lines) -> None:
    context = REQUEST_ID.set("r-1")
    logging.getLogger("tenure.serving").warning("version %s is broken", 7)
    REQUEST_ID.reset(context)
    logging.getLogger("tenure.serving").debug("not at this level")
    logging.getLogger("a.library").info("not at this level either")
    logging.getLogger("a.library").error("worth telling")
    first, second = lines
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "warning", "logger": "tenure.serving", "message": "version 7 is broken", "request_id": "r-1"
    }  # fmt: skip
    assert (second["logger"], "request_id" in second) == ("a.library", False)


def test_times_are_of_the_record() -> None:
    formatter = JsonLines()
    record = logging.LogRecord("a", logging.INFO, "", 0, "m", None, None)
    for record.created, said in ((1.5, "01.500"), (1.0079, "01.007"), (61.25, "01:01.250"), (1.75, "01.750")):
        time = json.loads(formatter.format(record))["time"]
        assert time.startswith("1970-01-01T00:0")
        assert time.endswith(f"{said}Z")


@given(st.text())
def test_nothing_in_a_message_ends_a_line_or_moves_a_cursor(text: str) -> None:
    record = logging.LogRecord("a", logging.INFO, "", 0, "%s", (text,), None)
    record.tenure = {"model_version": text}
    line = JsonLines().format(record)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == json.loads(line)["model_version"] == text


def test_of_an_exception_its_kind_and_place_are_told_and_not_its_text(lines: Lines) -> None:
    def fail() -> None:
        try:
            raise KeyError("a-17 of Zoë")
        except KeyError as error:
            raise ValueError("no row of a-17") from error

    try:
        fail()
    except ValueError:
        logging.getLogger("tenure.serving").exception("a request failed")
    assert "a-17" not in lines.text
    (line,) = lines
    assert [told["type"] for told in line["exception"]] == ["ValueError", "KeyError"]
    assert line["exception"][0]["at"][-1].endswith(" fail")
    assert "tests/serving/test_logs.py:" in line["exception"][0]["at"][-1]


def test_an_exception_that_caused_itself_ends(lines: Lines) -> None:
    error = ValueError("x")
    error.__context__ = other = KeyError("y")
    other.__context__ = error
    logging.getLogger("tenure").error("failed", exc_info=error)
    assert [told["type"] for told in next(iter(lines))["exception"]] == ["ValueError", "KeyError"]


def test_an_access_is_one_line_of_what_it_was_given(lines: Lines) -> None:
    audit({"request_id": "r", "token": "ab", "status": 200})
    (line,) = lines
    assert (line["logger"], line["level"], line["message"]) == ("tenure.audit", "info", "access")
    assert (line["token"], line["status"]) == ("ab", 200)


def test_access_lines_can_be_switched_off(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AUDIT, "level", logging.CRITICAL)
    AUDIT.manager._clear_cache()  # type: ignore[attr-defined]
    audit({"status": 200})
    assert lines.text == ""
    monkeypatch.undo()
    AUDIT.manager._clear_cache()  # type: ignore[attr-defined]


def test_servers_keep_addresses_of_clients_to_themselves_and_their_errors_are_lines_too(lines: Lines) -> None:
    configure(lines.stream)  # again: pytest listens to loggers that do not propagate
    logging.getLogger("uvicorn.access").info('%s - "%s"', "10.1.2.3:5", "GET /?account=a-1")
    logging.getLogger("bentoml.access").info("10.1.2.3 (path=/score)")
    assert not logging.getLogger("uvicorn.access").hasHandlers(), "uvicorn would make the line all the same"
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n")
    logging.getLogger("bentoml.serve").warning("something")
    assert [line["logger"] for line in lines] == ["uvicorn.error", "bentoml.serve"]


def test_warnings_are_lines(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)  # catch_warnings has put its own way of showing them
        warnings.warn("old", UserWarning, stacklevel=1)
    (line,) = lines
    assert line["logger"] == "py.warnings"
