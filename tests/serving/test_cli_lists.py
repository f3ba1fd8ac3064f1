"""`tenure list`: the same as POST /lists from a terminal, and a table for people."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from features.errors import TenureError
from serving.cli.list_tables import WIDTH
from serving.cli.lists import lists
from serving.lists import LISTS
from serving.store.address import address_of
from serving.store.feedback import add_feedback
from serving.store.store import Store
from serving.store.writing import write_day
from tests.serving.stored_books import score_file
from tests.success.books import make_book

DAY = dt.date(2026, 2, 1)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(lists, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture(autouse=True)
def _no_other_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENURE_STORE", raising=False)
    monkeypatch.delenv("TENURE_HOME", raising=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with 150 accounts, of which something was said; one has a name that could be taken for markup."""
    folder = tmp_path_factory.mktemp("home")
    book = make_book(150, 3)
    book["list_rank"] = 1.0
    book.loc[book["status"] == "ok", "name"] = "[red]Zoë\x1b[31m & Søns, a company with a name that is rather long"
    frame, features = score_file(book, DAY)
    with Store.open(address_of(folder)) as store:
        write_day(store, frame, DAY, features)
        for account_id in book["account_id"][:12]:
            said = {"account_id": account_id, "verdict": "handled", "until": None, "as_of": DAY}
            add_feedback(store, **said, token_id="0" * 12, csm_id=None, given_at=dt.datetime.now(dt.UTC))
    return folder


@pytest.mark.parametrize("name", LISTS)
def test_json_is_what_the_service_answers(
    home: Path, name: str, make_client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(scored=False, url=None, clock=lambda: dt.datetime.now(dt.UTC))
    with Store.open(address_of(home)) as store:
        monkeypatch.setattr(client.store, "_engine", store._engine)
        monkeypatch.setattr(client.store, "_reader", store._reader)
        monkeypatch.setattr(client.store, "_writer", store._writer)
        from serving.store.tokens import create

        _, client.token = create(store, name, ["read"])
        for asked, options in (({}, []), ({"segment": "smb", "count": 3}, ["--segment", "smb", "--count", 3])):
            told = run(name, "--json", "--home", home, *options)
            assert told.exit_code == 0
            assert json.loads(told.stdout) == client.post("/lists", json={"list": name, **asked}).json()


@pytest.mark.parametrize("name", LISTS)
def test_the_table_is_readable_at_100_columns(home: Path, name: str) -> None:
    told = run(name, "--home", home, "--count", 30)
    assert told.exit_code == 0
    assert told.stdout.startswith(f"{name.capitalize()} on 1 February 2026: ")
    assert max(map(len, told.stdout.splitlines())) <= WIDTH
    assert "nan" not in told.stdout.split()
    assert "None" not in told.stdout
    assert "\x1b" not in told.stdout
    if name in ("calls", "health"):
        assert "[red]" in told.stdout, "not taken for a colour"


def test_without_a_name_the_lists_are_told(home: Path) -> None:
    told = run()
    assert [line.split()[0] for line in told.stdout.splitlines()] == list(LISTS)
    assert [one["list"] for one in json.loads(run("--json").stdout)] == list(LISTS)


def test_options_choose_accounts(home: Path, make_frame: Callable[..., pd.DataFrame]) -> None:
    told = json.loads(run("health", "--home", home, "--csm", "csm-1", "--band", "red", "--json").stdout)
    assert {(row["csm_id"], row["band"]) for row in told["rows"]} == {("csm-1", "red")}
    staged = json.loads(run("health", "--home", home, "--stage", "renewal", "--json").stdout)
    assert {row["stage"] for row in staged["rows"]} == {"renewal"}
    assert json.loads(run("health", "--home", home, "--as-of", DAY, "--json").stdout)["as_of"] == "2026-02-01"


def test_the_settings_hold(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "tenure.toml"
    file.write_text("[calls]\ncapacity = 3\n")
    told = json.loads(run("calls", "--home", home, "--config", file, "--json").stdout)
    assert len(told["rows"]) == told["summary"]["capacity"] == 3


def test_precision_is_told_under_the_calls(home: Path) -> None:
    assert "What was said of earlier lists: 12 of " in " ".join(run("calls", "--home", home).stdout.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["calls", "--as-of", "2025-01-01"], "2025-01-01 is not scored"),
        (["calls", "--home", "/nowhere/at/all"], "No day is scored yet"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(home: Path, arguments: list[str], says: str) -> None:
    with pytest.raises(TenureError, match=says):
        run(*([*arguments, "--home", home] if "--home" not in arguments else arguments))


def test_a_name_or_stage_that_is_none_is_refused() -> None:
    for arguments in (["call"], ["calls", "--stage", "gone"], ["calls", "--count", "0"]):
        assert run(*arguments).exit_code == 2
