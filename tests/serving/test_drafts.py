"""Drafts: what was kept comes back to the last bit or not at all, and costs nobody anything else."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.drafts import Drafts

KEY = "ab" * 32
TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def table(numbers: list[float], texts: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"p": np.array(numbers, dtype=np.float64), "drivers": pd.Series(texts, dtype=object)})


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.lists(st.tuples(st.floats(allow_subnormal=True), TEXTS), max_size=20))
def test_a_draft_comes_back_to_the_last_bit(rows: list[tuple[float, str | None]]) -> None:
    part = table([number for number, _ in rows], [text for _, text in rows])
    with tempfile.TemporaryDirectory() as home:
        Drafts(Path(home)).put(KEY, part)
        found = Drafts(Path(home)).get(KEY)
    assert found is not None
    assert found["drivers"].tolist() == part["drivers"].tolist()
    for ours, theirs in zip(found["p"].tolist(), part["p"].tolist(), strict=True):
        assert (ours != ours) == (theirs != theirs)
        assert ours != ours or ours.hex() == theirs.hex()
    assert found.dtypes.tolist() == part.dtypes.tolist()


@pytest.mark.parametrize("spoil", ["cut", "flipped", "empty", "gone", "without a line", "of another", "a folder"])
def test_a_damaged_draft_is_none(tmp_path: Path, spoil: str) -> None:
    Drafts(tmp_path).put(KEY, table([0.5], ["[]"]))
    (file,) = (tmp_path / "drafts").iterdir()
    content = file.read_bytes()
    Drafts(tmp_path).put(KEY, table([0.25], ["[]"]))
    other = content.split(b"\n", 1)[0] + b"\n" + file.read_bytes().split(b"\n", 1)[1]
    file.unlink()
    if spoil == "a folder":
        file.mkdir()
    elif spoil != "gone":
        flipped = content[:100] + bytes([content[100] ^ 1]) + content[101:]
        spoilt = {"cut": content[:-1], "flipped": flipped, "empty": b"", "of another": other}
        file.write_bytes(spoilt.get(spoil, content.replace(b"\n", b"")))
    assert Drafts(tmp_path).get(KEY) is None


def test_where_the_disk_is_full_nothing_is_kept_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Path.write_bytes

    def half(file: Path, content: bytes) -> int:
        known(file, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", half)
    drafts = Drafts(tmp_path)
    drafts.put(KEY, table([0.5], ["[]"]))
    assert list((tmp_path / "drafts").iterdir()) == []
    monkeypatch.undo()
    drafts.put(KEY, table([0.5], ["[]"]))  # it does not try again and again
    assert drafts.get(KEY) is None
    assert list((tmp_path / "drafts").iterdir()) == []


def test_only_what_was_used_is_cleared_and_only_what_is_old_is_swept(tmp_path: Path) -> None:
    Drafts(tmp_path).put("mine", table([0.5], [None]))
    Drafts(tmp_path).put("other", table([0.5], [None]))
    drafts = Drafts(tmp_path)
    drafts.put("new", table([0.5], [None]))
    assert drafts.get("mine") is not None
    drafts.clear()
    assert [file.name for file in (tmp_path / "drafts").iterdir()] == ["other.draft"]
    drafts.sweep()
    (kept,) = (tmp_path / "drafts").iterdir()
    eight_days_ago = time.time() - 8 * 24 * 3600
    os.utime(kept, (eight_days_ago, eight_days_ago))
    drafts.sweep()
    assert list((tmp_path / "drafts").iterdir()) == []
    drafts.clear()
    Drafts(tmp_path / "nowhere").sweep()
    Drafts(tmp_path / "nowhere").clear()
    assert not (tmp_path / "nowhere").exists()
