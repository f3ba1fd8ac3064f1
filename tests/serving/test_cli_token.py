"""`tenure token`: tokens made, shown and revoked from a terminal, and that they let in."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.access import caller_of
from serving.cli.token import token as group
from serving.store.address import address_of
from serving.store.store import Store
from serving.store.tokens import SCOPES, all_tokens

Tenure = Callable[..., int]


@pytest.fixture(autouse=True)
def _no_other_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENURE_STORE", raising=False)


def test_a_token_is_printed_once_and_lets_in(tenure: Any, tmp_path: Path) -> None:
    assert (
        tenure("token", "create", "--home", tmp_path, "--name", "platform", "--scope", "score", "--scope", "read") == 0
    )
    text = tenure.out.strip()
    assert re.fullmatch(r"tnr_[0-9a-f]{12}_[0-9a-f]{64}", text), "nothing but the token, so that a script can take it"
    assert "not shown again" in tenure.err
    assert text not in tenure.err
    with Store.open(address_of(tmp_path)) as store:
        known = {one.id: one for one in all_tokens(store)}
    assert caller_of(f"Bearer {text}", known, dt.datetime.now(dt.UTC)).scopes == {"score", "read"}

    assert tenure("token", "list", "--home", tmp_path) == 0
    assert "platform" in tenure.out
    assert text.split("_")[2] not in tenure.out


def test_tokens_are_told_as_json_without_what_lets_in(tenure: Any, tmp_path: Path) -> None:
    home = ("--home", tmp_path, "--json")
    assert (
        tenure("token", "create", *home, "--name", "[red]", "--scope", "read", "--csm", "c-1", "--expires-in", "2") == 0
    )
    made = json.loads(tenure.out)
    lasts = dt.datetime.fromisoformat(made["expires_at"]) - dt.datetime.fromisoformat(made["created_at"])
    assert lasts == dt.timedelta(days=2)
    text = made.pop("token")
    assert tenure("token", "list", *home) == 0
    assert json.loads(tenure.out) == [made]
    assert {key: made[key] for key in ("name", "scopes", "csm_id", "state", "revoked_at")} == {
        "name": "[red]", "scopes": ["read"], "csm_id": "c-1", "state": "active", "revoked_at": None
    }  # fmt: skip
    assert tenure("token", "list", "--home", tmp_path) == 0
    assert "[red]" in tenure.out, "not taken for a colour"

    assert tenure("token", "revoke", *home, "[red]") == 0
    revoked = json.loads(tenure.out)
    assert (revoked["id"], revoked["state"]) == (made["id"], "revoked")
    assert text.split("_")[2] not in tenure.out
    assert tenure("token", "revoke", "--home", tmp_path, made["id"]) == 0
    assert tenure.out == f"Token {made['id']} ([red]) is revoked.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "--name", "a"], "Missing option '--scope'"),
        (["create", "--scope", "read"], "Missing option '--name'"),
        (["create", "--name", "a", "--scope", "write"], "'write' is not one of"),
        (["create", "--name", "a", "--scope", "read", "--expires-in", "0"], "0 is not in the range"),
        (["create", "--name", "a", "--scope", "score", "--csm", "c-1"], "Only a token whose one scope is read"),
        (["revoke", "nobody"], "There is no token with this id or name"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tenure: Any, tmp_path: Path, arguments: list[str], said: str) -> None:
    assert tenure("token", *arguments, "--home", tmp_path / "home") != 0
    assert said in tenure.err
    assert "Traceback" not in tenure.err


def test_looking_for_tokens_makes_no_store(tenure: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert tenure("token", "list", "--home", home) == 0
    assert "There are no tokens yet" in tenure.out
    assert tenure("token", "list", "--home", home, "--json") == 0
    assert json.loads(tenure.out) == []
    assert tenure("token", "revoke", "--home", home, "a") == 1
    assert not home.exists()


def test_the_scopes_to_choose_from_are_the_stores() -> None:
    (scopes,) = (option for option in group.commands["create"].params if option.name == "scopes")
    assert tuple(scopes.type.choices) == SCOPES  # type: ignore[attr-defined]


def test_every_command_on_tokens_has_an_example() -> None:
    for name, command in group.commands.items():
        assert f"Example: tenure token {name}" in (command.help or "")
