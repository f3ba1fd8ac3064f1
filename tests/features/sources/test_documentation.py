"""The pages on mapping say what the code reads: every key is there, and every example is valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from features.settings import load_settings
from features.sources import mapping

DOCS = Path(__file__).parents[3] / "docs"


def test_every_key_is_documented() -> None:
    page = (DOCS / "config.md").read_text(encoding="utf-8")
    for key in mapping._TABLE_KEYS:
        assert re.search(rf"^{key} = |^\[tables\.usage\.{key}\]", page, re.MULTILINE), key
    for key in mapping._COLUMN_KEYS:
        assert re.search(rf"[{{,] {key} = ", page), key


@pytest.mark.parametrize("name", ["data.md", "config.md"])
def test_every_example_is_read(name: str, tmp_path: Path) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    examples = [e for e in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "[tables." in e]
    assert examples
    for example in examples:
        if 'source = "feature_usage"' in example and '\nsql = "SELECT ..."' in example:
            example = example.replace('sql = "SELECT ..."', "")  # shown beside what it stands instead of
        file = tmp_path / "tenure.toml"
        file.write_text(example, encoding="utf-8")
        assert "usage" in load_settings(file).tables
