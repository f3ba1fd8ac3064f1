"""`tenure monitor` as a user meets it: a verdict in words, JSON for programs, and an exit code for schedules."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from serving.cli.jobs import Exit
from serving.cli.monitor import monitor
from training.monitoring import MonitorReport
from training.monitoring.drift import ScoreDrift
from training.monitoring.outlook import Outlook
from training.monitoring.realised import Bounds, Realised
from training.monitoring.verdict import Reason, Verdict


def report(verdict: Verdict) -> MonitorReport:
    ratio, slope = Bounds(1.62, 1.41, 1.85, 1.30, 2.01), Bounds(0.9, 0.7, 1.1, 0.5, 1.3)
    rows = [
        Realised(90, "since training", "2025-06-01", "2025-07-01", 2, 1800, 950, 92, 132, 81.5, ratio, slope, 0.3, 0.7,
                 "retrain", ""),
        Realised(30, "since training", "2025-06-01", "2025-06-01", 1, 900, 900, 12, 12, 8, ratio, None, 0.1, None, "",
                 ""),
    ]  # fmt: skip
    return MonitorReport(
        verdict,
        [Reason("retrain" if verdict == "retrain" else "note", "level", "More left than the model expects.")],
        dt.date(2025, 11, 3),
        "4",
        dt.date(2025, 6, 1),
        dt.date(2025, 11, 1),
        rows,
        [Outlook(90, 940, 0.081, 0.2512, 0.781, None, 0.79), Outlook(30, 940, 0.03, 0.11, None, None, None)],
        [ScoreDrift(90, 0.081, 0.07, 0.09, 0.02, 0.05, False)],
    )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def call(verdict: Verdict, *arguments: str) -> Result:
        asked: dict[str, Any] = {}

        def told(history: Any, settings: Any, home: Path, *, known_on: Any, progress: Any) -> MonitorReport:
            asked.update(known_on=known_on, home=home)
            progress("comparing")
            return report(verdict)

        monkeypatch.setattr("training.monitoring.monitor", told)
        monkeypatch.setattr("serving.cli.monitor.open_history", lambda folder, settings, home: None)
        result = CliRunner().invoke(monitor, [str(tmp_path), *arguments, "--home", str(tmp_path)])
        assert asked["home"] == tmp_path
        assert asked["known_on"] == (dt.date(2025, 11, 3) if "--as-of" in arguments else None)
        return result

    return call


def test_a_person_reads_the_verdict_and_what_it_rests_on(run: Any) -> None:
    result = run("retrain", "--as-of", "2025-11-03")
    assert result.exit_code == Exit.RETRAIN == 3
    assert result.output.startswith(
        "Train again: version 4, trained as of 2025-06-01, looked at as of 2025-11-03.\n"
        "  - More left than the model expects.\n"
    )
    for text in ("2025-06-01 to 2025-07-01", "1.62 (1.41 to 1.85)", "0.90 (0.70 to 1.10)", "8.1 %", "7.0 to 9.0 %"):
        assert text in result.output
    assert "nan" not in result.output
    assert "None" not in result.output


@pytest.mark.parametrize("verdict", ["keep", "watch"])
def test_keep_and_watch_are_no_failure(run: Any, verdict: Verdict) -> None:
    result = run(verdict)
    assert result.exit_code == 0
    assert result.output.startswith("Keep the champion")
    assert ("watch it" in result.output) == (verdict == "watch")


def test_a_program_reads_json(run: Any) -> None:
    result = run("retrain", "--json")
    assert result.exit_code == Exit.RETRAIN
    document = json.loads(result.output)
    assert document["verdict"] == "retrain"
    assert document["realised"][0]["ratio"]["least"] == 1.30
    assert document["known_on"] == "2025-06-01"


def test_help_names_the_exit_code() -> None:
    text = CliRunner().invoke(monitor, ["--help"]).output
    assert "Exit code 0 means keep or watch, 3 train again." in " ".join(text.split())
    assert "Example: tenure monitor company/" in text
