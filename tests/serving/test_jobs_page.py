"""docs/jobs.md and its examples: every command is one, every exit code is told, and the files are as shown."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import yaml

from serving.cli.jobs import Exit
from serving.cli.main import cli

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "jobs.md").read_text(encoding="utf-8")
FILES = sorted(file for file in (DOCS / "jobs").iterdir() if file.is_file())
OPERATORS = {"&&", "||", "|", ";", ">", ">>", ">&", "}", ")"}
COMMAND = re.compile(rf"(?<![\w-])(?<!Another )tenure (?={'|'.join(cli.commands)})(?=([^\n`]*))")


def commands(text: str) -> list[list[str]]:
    """The words of each `tenure ...` in a page, a script or a program, up to whatever the shell does with it next."""
    # What the scheduler fills in before the shell sees it, and what the shell fills in, are one word each.
    text = re.sub(r"\{DAY\}|\{\{.*?\}\}", "2025-06-30", text)
    text = text.replace('"$COMPANY"', "company")
    found = []
    for rest in COMMAND.findall(text):
        lexer = shlex.shlex("tenure " + rest.split('"')[0], posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if word in OPERATORS:
                break
            words.append(word)
        found.append(words)
    return found


@pytest.mark.parametrize("file", [DOCS / "jobs.md", *FILES], ids=lambda file: file.name)
def test_every_command_is_one(file: Path) -> None:
    found = commands(file.read_text(encoding="utf-8"))
    if file.suffix != ".timer":
        assert len(found) >= 2
    for words in found:
        cli.commands[words[1]].make_context(words[1], words[2:])


def test_the_words_of_a_command_are_found() -> None:
    text = (
        'a = "tenure score company --as-of {DAY} --json", skip\n0 3 * * * cd x && tenure train y >>log 2>&1 || echo no'
    )
    assert commands(text) == [
        ["tenure", "score", "company", "--as-of", "2025-06-30", "--json"],
        ["tenure", "train", "y"],
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_page_shows_the_files_as_they_are(file: Path) -> None:
    assert f"\n{file.read_text(encoding='utf-8')}```" in PAGE
    assert f"jobs/{file.name})" in PAGE


def test_every_exit_code_is_told() -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == sorted(Exit)


def test_the_workflow_is_yaml_and_its_jobs_have_steps() -> None:
    flow = yaml.safe_load((DOCS / "jobs" / "github-actions.yml").read_text(encoding="utf-8"))
    crons = [one["cron"] for one in flow[True]["schedule"]]  # YAML 1.1 reads the key `on` as true
    assert len(flow["jobs"]) == len(crons) == 2
    for job, cron in zip(flow["jobs"].values(), crons, strict=True):
        assert f"github.event.schedule == '{cron}'" in job["if"]
        assert all("uses" in step or "run" in step for step in job["steps"])


def test_the_dag_imports_nothing_heavy_where_airflow_parses_it() -> None:
    tree = ast.parse((DOCS / "jobs" / "airflow_dag.py").read_text(encoding="utf-8"))
    compile(tree, "airflow_dag.py", "exec")
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert all(isinstance(node, ast.ImportFrom) for node in imports)
    assert {str(node.module).split(".")[0] for node in imports if isinstance(node, ast.ImportFrom)} == {
        "airflow",
        "datetime",
    }


def test_a_line_of_the_crontab_has_five_fields_and_no_percent_sign() -> None:
    lines = [
        line
        for line in (DOCS / "jobs" / "crontab").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#") and not re.match(r"\w+=", line)
    ]
    assert len(lines) == 3
    for line in lines:
        assert re.match(r"\d+ \d+ [\d*]+ [\d*]+ [\d*]+  cd ", line)
        assert "%" not in line, "cron takes it for a new line"
