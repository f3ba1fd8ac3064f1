"""Addresses: which store is meant, and that no password is ever shown."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.store.address import VARIABLE, Address, address_of
from serving.store.errors import StoreError

SECRET = "hunter2/@:%"


def test_the_file_of_the_home_unless_something_else_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    default = address_of(tmp_path)
    assert (default.file, default.shown) == (tmp_path / "scores.db", str(tmp_path / "scores.db"))
    assert address_of(tmp_path, "") == default
    monkeypatch.setenv(VARIABLE, "postgresql://db/tenure")
    assert address_of(tmp_path).shown == "postgresql://db/tenure"
    assert address_of(tmp_path, "postgresql://other/tenure").shown == "postgresql://other/tenure"
    monkeypatch.setenv(VARIABLE, "")
    assert address_of(tmp_path) == default


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_the_password_is_used_and_not_shown(scheme: str, tmp_path: Path) -> None:
    url = f"{scheme}://me:{quote(SECRET, safe='')}@db.local:5433/tenure?sslmode=require&password={quote(SECRET)}"
    address = address_of(tmp_path, url)
    assert (address.url.drivername, address.url.password, address.file) == ("postgresql+psycopg", SECRET, None)
    assert address.url.query["sslmode"] == "require"
    for text in (address.shown, str(address), repr(address), f"{address}", f"{address!r}"):
        assert "postgresql://db.local:5433/tenure" in text
        assert "hunter2" not in text
        assert "me" not in text.replace("Address", "").replace("None", "")


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://me:{SECRET}@db/tenure",
        "sqlite:///other.db",
        f"postgresql+asyncpg://me:{SECRET}@db/tenure",
        f"me:{SECRET}@db/tenure",
        f"postgresql://me:{SECRET}@db:port/tenure",
        "//",
    ],
)
def test_anything_else_is_refused_without_quoting_it(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refusal:
        address_of(tmp_path, url)
    said = str(refusal.value)
    assert said.endswith(".")
    assert "postgresql://user" in said
    assert "hunter2" not in said
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), st.text("abc/?@:%&=#", max_size=12))
def test_no_password_leaks_whatever_it_is(password: str, noise: str) -> None:
    # Marked, so that it is told from what is shown by right.
    marked = f"zq{password}zq"
    try:
        address: Address | StoreError = address_of(Path("home"), f"postgresql://u{noise}:{quote(marked, safe='')}@h/d")
    except StoreError as error:
        address = error
    assert marked not in str(address)
    assert quote(marked, safe="") not in str(address)
    assert marked not in repr(address)
