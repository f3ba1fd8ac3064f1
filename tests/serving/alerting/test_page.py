"""docs/alerts.md: its receiver verifies and drops repeats, its settings are settings, its commands are commands."""

from __future__ import annotations

import json
import re
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from features.settings import load_settings
from serving.alerting.messages import body_of
from serving.alerting.signing import headers_of
from serving.cli.alerts import alerts

from .conftest import FIRST, SECRET

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_receiver_takes_what_is_signed_once(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(compile(block("python"), "docs/alerts.md", "exec"), names)
    detail = {"name": "Zoë", "sentence": "Zoë fell.", "value": 1.0, "drivers": [], "play": None}
    id_, text = body_of(key="k", kind="opened", rule="R", account_id="a", csm_id=None, as_of=FIRST, detail=detail)
    body, now, seen = text.encode(), int(time.time()), set[str]()
    receive, headers = names["receive"], headers_of(SECRET, id_, now, body)
    assert [receive(headers, body, SECRET, seen) for _ in range(3)] == [200, 200, 200]
    assert receive(headers_of(SECRET, id_, now + 7, body), body, SECRET, seen) == 200  # a later attempt
    assert capsys.readouterr().out == "Zoë fell.\n"
    assert receive(headers, body + b" ", SECRET, seen) == 401
    assert receive(headers, body, b"another secret, of somebody else", seen) == 401
    old = headers_of(SECRET, id_, now - 1000, body)
    assert receive(old, body, SECRET, seen) == 401
    assert receive({**old, "Tenure-Timestamp": str(now)}, body, SECRET, seen) == 401


def test_the_body_has_the_keys_that_are_told() -> None:
    told = list(json.loads(block("json")))
    detail = {"name": "", "sentence": "", "value": None, "drivers": [], "play": None}
    sent = body_of(key="k", kind="opened", rule="R", account_id="a", csm_id=None, as_of=FIRST, detail=detail)
    assert told == list(json.loads(sent[1]))
    for key in told:
        assert f"`{key}`" in PAGE


def test_the_settings_are_settings(tmp_path: Path) -> None:
    file = tmp_path / "tenure.toml"
    file.write_text(block("toml"), encoding="utf-8")
    settings = load_settings(file)
    assert [rule.name for rule in settings.alerts] == [rule["name"] for rule in tomllib.loads(block("toml"))["alerts"]]


def test_every_command_and_option_is_there_and_told() -> None:
    for name in alerts.commands:
        assert f"tenure alerts {name}" in PAGE
    for name, options in re.findall(r"tenure alerts (\w+)((?: --[\w-]+(?: [\w-]+)?)*)", PAGE):
        words = [word for word in options.split() if word]
        alerts.commands[name].make_context(name, words)
