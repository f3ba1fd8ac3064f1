"""tenure alerts: what each command prints, and the exit code it ends with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from features.errors import TenureError
from serving.alerting.dead import DEAD_FILE
from serving.cli.alerts import alerts
from serving.store.address import address_of
from serving.store.errors import StoreAbsentError
from serving.store.store import Store

from .conftest import SECRET, Receiver, days, keep

TOML = '[[alerts]]\nname = "Health fell"\nwhen = "health"\nbelow = 40.0\n'


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with three scored days: an account falls on the second and is back on the third."""
    monkeypatch.setenv("TENURE_WEBHOOK_SECRET", SECRET.decode())
    home = tmp_path / "home"
    with Store.open(address_of(home)) as store:
        keep(store, days(50, 30, 50))
    return home


def ask(home: Path, *arguments: object, url: str | None = None, more: str = "", rules: str = "") -> Result:
    config = home.parent / "tenure.toml"
    hook = "" if url is None else f'[webhook]\nurl = "{url}"\n{more}'
    config.write_text(TOML + rules + hook, encoding="utf-8")
    options = ["--home", str(home), "--config", str(config)]
    return CliRunner().invoke(alerts, [*map(str, arguments), *options], env=dict(os.environ))


def told(result: Result) -> Any:
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def test_a_night_after_the_other(company: Path, receiver: Receiver) -> None:
    first = ask(company, "run", "--since", "2026-01-01", "--until", "2026-01-02", url=receiver.url)
    assert first.stdout.splitlines() == [
        "2026-01-01: 0 opened, 0 cleared.",
        "2026-01-02: 1 opened, 0 cleared.",
        "1 message delivered, 0 given up, 0 waiting.",
    ]
    listed = ask(company, "list")
    assert "Health of Acme fell below 40; it is 30 now, and was 50 on 1 January" in " ".join(listed.stdout.split())
    second = told(ask(company, "run", "--json", url=receiver.url))
    assert second == {
        "days": [{"as_of": "2026-01-03", "opened": 0, "cleared": 1, "withheld": 0, "queued": 1}],
        "opened": 0, "cleared": 1, "withheld": 0, "queued": 1, "delivered": 1, "dead": 0, "waiting": 0,
        "trouble": None, "left_out": [], "warnings": [],
    }  # fmt: skip
    assert [message["kind"] for message in receiver.messages()] == ["opened", "cleared"]
    assert ask(company, "run", url=receiver.url).stdout.startswith("No scored day is new to the rules.\n")
    assert len(receiver.requests) == 2
    assert ask(company, "list").stdout == "No alert is open.\n"
    assert [one["closed_on"] for one in told(ask(company, "list", "--all", "--json"))] == ["2026-01-03"]
    assert told(ask(company, "list", "--all", "--json", "--since", "2026-01-04")) == []
    assert told(ask(company, "list", "--all", "--json", "--csm", "c-2")) == []


def test_a_segment_that_there_is_not_is_warned_of(company: Path) -> None:
    more = '[[alerts]]\nname = "Fell"\nwhen = "health"\nbelow = 40\nsegments = ["Midd"]\n'
    said = 'The alert "Fell" in [[alerts]] is about the segment "Midd", which no account of 2026-01-03 has.'
    result = ask(company, "run", "--since", "2026-01-01", "--until", "2026-01-02", rules=more)
    assert result.stderr == f"Warning: {said.replace('03', '02')}\n"
    assert told(ask(company, "run", "--json", rules=more))["warnings"] == [said]


def test_a_rule_that_is_new_begins_with_the_newest_day(company: Path, receiver: Receiver) -> None:
    assert [one["as_of"] for one in told(ask(company, "run", "--json", url=receiver.url))["days"]] == ["2026-01-03"]
    assert not receiver.requests


def test_nothing_is_sent_where_that_is_not_wanted(company: Path, receiver: Receiver) -> None:
    result = ask(company, "run", "--since", "2026-01-01", "--no-deliver", url=receiver.url)
    assert result.stdout.splitlines()[-1] == "2 messages waiting for a run without --no-deliver."
    assert not receiver.requests
    assert told(ask(company, "run", "--json", url=receiver.url))["delivered"] == 2


def test_without_a_receiver_the_alerts_are_there_to_be_listed(company: Path) -> None:
    result = ask(company, "run", "--since", "2026-01-01")
    assert result.stdout.splitlines()[-1] == (
        "Nobody is told, since there is no [webhook] in the settings; see `tenure alerts list`."
    )
    assert len(told(ask(company, "list", "--all", "--json"))) == 1


def test_without_a_secret_nothing_is_begun(company: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENURE_WEBHOOK_SECRET")
    result = ask(company, "run", "--since", "2026-01-01", url=receiver.url)
    assert isinstance(result.exception, TenureError)
    assert "no secret" in str(result.exception)
    assert told(ask(company, "list", "--all", "--json")) == []


def test_what_was_given_up_is_told_and_tried_again(company: Path, receiver: Receiver) -> None:
    receiver.answers = lambda _: 410
    result = ask(company, "run", "--since", "2026-01-01", url=receiver.url)
    assert isinstance(result.exception, TenureError)
    assert str(result.exception) == (
        f"2 messages could not be delivered (the receiver answered 410) and lie in {company / DEAD_FILE}; "
        "see `tenure alerts dead`."
    )
    listed = told(ask(company, "dead", "--json"))
    assert [(one["kind"], one["attempts"], one["last_error"]) for one in listed] == [
        ("opened", 1, "answered 410"), ("cleared", 0, "its opening was given up"),
    ]  # fmt: skip
    assert "body" not in listed[0]
    assert listed[0]["id"][:12] in ask(company, "dead").stdout
    again = ask(company, "dead", "--retry", listed[0]["id"][:12])
    assert again.stdout.startswith("2 messages will be sent by the next run: tenure alerts run --home")
    receiver.answers = lambda _: 200
    assert told(ask(company, "run", "--json", url=receiver.url))["delivered"] == 2
    assert ask(company, "dead").stdout == "No message was given up.\n"
    assert ask(company, "dead", "--retry-all").stdout.startswith("0 messages")
    assert isinstance(ask(company, "dead", "--retry-all", "--retry", "x").exception, SystemExit | click.UsageError)


def test_what_waits_is_no_failure(company: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.alerting.deliver.PATIENCE", 0.0)
    receiver.answers = lambda _: 500
    result = ask(company, "run", "--since", "2026-01-01", url=receiver.url)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "0 messages delivered, 0 given up, 2 waiting."
    assert result.stderr == "The receiver answered 500; the next run tries again.\n"


def test_a_test_message(company: Path, receiver: Receiver) -> None:
    assert ask(company, "test", url=receiver.url).stdout.endswith("has arrived: the receiver answered 200.\n")
    assert [message["kind"] for message in receiver.messages()] == ["test"]
    receiver.answers = lambda _: 302
    result = ask(company, "test", "--json", url=receiver.url)
    assert json.loads(result.stdout)["status"] == 302
    assert isinstance(result.exception, TenureError)
    assert isinstance(ask(company, "test").exception, TenureError)


def test_names_that_travel_in_the_open_are_warned_of(company: Path) -> None:
    result = ask(company, "run", "--no-deliver", url="http://hooks.invalid/x")
    assert not result.stderr
    result = ask(company, "test", url="http://hooks.invalid/x")
    assert result.stderr == "Warning: [webhook] url is not https, so names of customers can be read on their way.\n"


def test_without_a_store_that_is_said(tmp_path: Path) -> None:
    for command in ("run", "list", "dead"):
        assert isinstance(ask(tmp_path / "none", command).exception, StoreAbsentError)
