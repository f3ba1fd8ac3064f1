"""A foreign company, mapped: its real counts are reported, and nothing is trained on it without complaint."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from features.errors import TenureError
from features.history import History
from features.settings import load_settings
from features.sources.lookups import early_rows
from features.sources.suggest import suggest

DATA = Path(__file__).parents[2] / "data"
CONFIG = DATA / "ravenstack.toml"
WHOLE = DATA.parents[2] / "shared" / "data" / "ravenstack"


@pytest.fixture(scope="module")
def whole() -> Path:
    """All of the data, which a clone does not have."""
    if not WHOLE.is_dir():
        pytest.skip("the whole data set is not here")
    return WHOLE


def counts(history: History) -> dict[str, int]:
    return {t.table: t.rows for t in history.report.tables}


def test_the_part_of_it_that_is_here() -> None:
    history = History.open(DATA / "ravenstack", load_settings(CONFIG))
    assert counts(history) == {"accounts": 42, "subscriptions": 403, "usage": 653, "tickets": 173, "churns": 51}
    [finding] = history.report.findings
    assert (finding.table, finding.rule, finding.rows) == ("usage", "usage before the account", 342)
    [said] = early_rows(history.con, history.sources)
    assert said.startswith("usage: 506 of 653 rows (77.5 %) are dated before the row of subscriptions that their ")
    with pytest.raises(
        TenureError, match=r"^Table usage cannot be relied on: 342 of 653 rows \(52\.4 %\) are set aside"
    ):
        history.require_sound(dt.date(2025, 1, 1))


def test_all_of_it(whole: Path) -> None:
    history = History.open(whole, load_settings(CONFIG))
    assert counts(history) == {"accounts": 500, "subscriptions": 5000, "usage": 25000, "tickets": 2000, "churns": 600}
    assert history.report.failing == {"usage": 13198}  # 52.8 %
    assert early_rows(history.con, history.sources) == [
        "usage: 19,142 of 25,000 rows (76.6 %) are dated before the row of subscriptions that their subscription_id "
        "names; such days are made up or the link is wrong."
    ]
    before_any = history.con.execute(
        "SELECT count(*) FROM usage JOIN (SELECT account_id, min(started_on) AS first FROM subscriptions GROUP BY 1) "
        "AS s ON s.account_id = CAST(usage.account_id AS VARCHAR) WHERE day < first"
    ).fetchone()
    assert before_any is not None
    assert (before_any[0] + 13198) / 25000 == pytest.approx(0.569, abs=5e-4)
    minutes = history.con.execute("SELECT max(minutes) FROM usage").fetchone()
    assert minutes is not None
    assert minutes[0] < 212  # 12,696 seconds


def test_training_on_it_stops_with_the_counts(tenure: Any, tmp_path: Path) -> None:
    assert tenure("train", DATA / "ravenstack", "--config", CONFIG, "--home", tmp_path) != 0
    last = tenure.err.strip().splitlines()[-1]
    assert "342 of 653 rows (52.4 %) are set aside (usage before the account: 342)" in last
    assert "Traceback" not in tenure.err


@pytest.mark.parametrize("part", [True, False])
def test_a_drafted_mapping_loads_untouched_and_finds_the_same(
    part: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = DATA / "ravenstack" if part else request.getfixturevalue("whole")
    draft = tmp_path / "draft.toml"
    draft.write_text(suggest(folder), encoding="utf-8")
    drafted, ours = load_settings(draft).tables, load_settings(CONFIG).tables
    assert drafted.keys() == ours.keys()
    for table, mapping in ours.items():
        assert drafted[table].source == mapping.source
        for column, origin in mapping.columns.items():
            if origin.expression is None:
                assert drafted[table].columns[column] == origin, f"{table}.{column}"
    history = History.open(folder, load_settings(draft))
    expected = History.open(folder, load_settings(CONFIG))
    assert counts(history) == counts(expected)
    assert history.report.failing == expected.report.failing
