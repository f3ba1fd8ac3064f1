"""The command line as a user meets it: what each command prints, and what it says when something is wrong."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from features.settings import Settings
from serving.cli.options import store_again
from serving.cli.scores import first_calls, print_scores
from serving.cli.serve import serve
from serving.store.address import address_of
from serving.store.feedback import add_feedback
from serving.store.store import Store
from serving.store.writing import write_day
from tests.serving.stored_books import score_file
from tests.success.books import AS_OF, make_book, make_rule_book

if TYPE_CHECKING:
    from features.history import History

OULAD = Path(__file__).resolve().parents[1] / "data" / "oulad"
SETTINGS = Path(__file__).resolve().parents[2] / "docs" / "oulad.toml"


def refused(tenure: Any, *arguments: object) -> str:
    """The one plain sentence with which a command refuses."""
    assert tenure(*arguments) != 0
    assert tenure.err.startswith("tenure: ")
    assert "Traceback" not in tenure.err
    assert tenure.err.count("\n") == 1, tenure.err
    assert tenure.err.rstrip().endswith(".")
    return tenure.err


@pytest.fixture
def oulad(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OULAD, tmp_path / "oulad"))


def test_check_reports_real_data(tenure: Any, oulad: Path, tmp_path: Path) -> None:
    assert tenure("check", oulad, "--home", tmp_path) == 0
    assert "2013-01-2" in tenure.out
    assert "come before the account's first subscription" in tenure.out
    assert "There is no table users, tickets" in tenure.out
    assert tenure("check", oulad, "--json", "--home", tmp_path) == 0
    report = json.loads(tenure.out)
    assert {t["table"]: t["set_aside"] for t in report["tables"]} == {"accounts": 0, "subscriptions": 0, "usage": 0}


def test_check_sets_rows_aside_and_says_where(tenure: Any, oulad: Path, tmp_path: Path) -> None:
    usage = pd.read_parquet(oulad / "usage.parquet")
    usage.loc[:4, "account_id"] = "nobody"
    usage.loc[5:7, "events"] = -1
    usage.to_parquet(oulad / "usage.parquet")
    assert tenure("check", oulad, "--home", tmp_path / "home") == 0
    assert "usage: unknown account, 5 rows" in tenure.out
    assert "usage: out of range, 3 rows" in tenure.out
    (file,) = (tmp_path / "home" / "quarantine").glob("*.csv")
    kept = pd.read_csv(file)
    assert sorted(kept["row"]) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert "nobody" in kept["content"][0]


def test_check_stops_when_a_table_cannot_be_relied_on(tenure: Any, oulad: Path, tmp_path: Path) -> None:
    usage = pd.read_parquet(oulad / "usage.parquet")
    usage.loc[::2, "account_id"] = "nobody"
    usage.to_parquet(oulad / "usage.parquet")
    assert tenure("check", oulad, "--home", tmp_path) == 1
    assert "Table usage cannot be relied on" in tenure.err
    assert "unknown account" in tenure.err
    for command in (("train",), ("features", "--out", tmp_path / "f.parquet", "--as-of", "2013-06-03")):
        assert tenure(command[0], oulad, *command[1:], "--home", tmp_path) == 1
        assert "Table usage cannot be relied on" in tenure.err


def test_features_of_some_days(tenure: Any, oulad: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.parquet"
    code = tenure("features", oulad, "--as-of", "2013-04-01", "--as-of", "2013-05-01", "--out", out, "--home", tmp_path)
    assert code == 0
    rows = pd.read_parquet(out)
    assert rows["as_of"].nunique() == 2
    assert rows["tickets_90d"].isna().all(), "a table that is not there is missing, not zero"


def test_options_stand_before_or_after_the_command(tenure: Any, oulad: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[training]\ngrid = 'daily'\n")
    for arguments in (("--config", bad, "check", oulad), ("check", oulad, "--config", bad)):
        assert 'grid = "daily"' in refused(tenure, *arguments, "--home", tmp_path)


def test_training_prints_the_model_beside_what_needs_no_learning(home: Path) -> None:
    said = (home / "train.txt").read_text()
    for words in ("log loss", "recency", "one rate", "accounts churned", "Passed:", "registered as champion"):
        assert words in said
    assert "365 days, not validated in time:" in said
    assert re.search(r"Version 1 of expansion is registered as \w+", said)


def test_scoring_prints_whom_to_call(scored_home: Path, tenure: Any) -> None:
    said = (scored_home / "score.txt").read_text()
    assert "Accounts to call first" in said
    assert re.search(r"1\. .+: about \d+ in \d+ accounts like this leave by \d+ \w+ \d{4}; [\d,]+ of [\d,]+ MRR", said)
    assert len(re.findall(r"^ +\+ *\d+\.\d points  \S", said, re.MULTILINE)) == 15
    assert "Not validated in time, for want of history: churn_365d." in said
    assert tenure("list", "calls", "--count", 5, "--home", scored_home, "--json") == 0
    listed = [row["account_id"] for row in json.loads(tenure.out)["rows"]]
    assert re.findall(r"^\d\. .*\((.+)\): about", said, re.MULTILINE) == listed


def test_without_a_champion_scoring_goes_by_rules(tenure: Any, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    assert tenure("score", OULAD, "--as-of", "2013-06-01", "--home", tmp_path / "home", "--out", out) == 0
    assert "Lowest health, rule-based" in tenure.out
    assert "too little history for one" in tenure.out
    assert set(pd.read_parquet(out)["health_source"].dropna()) == {"rule_based"}
    with Store.open(address_of(tmp_path / "home")) as store:
        run = store.latest()
        assert run is not None
        in_both = ["account_id", "as_of", "status", "health", "reason", "csm_id", "computed_at"]
        pd.testing.assert_frame_equal(store.frame(run)[in_both], pd.read_parquet(out)[in_both], check_exact=True)
        first = re.findall(r"^1\. .*\((.+)\): health", tenure.out, re.MULTILINE)
        today = dt.datetime.now(dt.UTC)
        add_feedback(store, account_id=first[0], verdict="handled", until=today.date() + dt.timedelta(days=2),
                     as_of=run.as_of, token_id="t-1", csm_id=None, given_at=today)  # fmt: skip
    assert tenure("score", OULAD, "--as-of", "2013-06-01", "--home", tmp_path / "home") == 0
    assert first[0] not in tenure.out
    assert "Snoozed, and left out here: 1." in tenure.out
    assert tenure.out.endswith(f"Next: tenure serve --home {tmp_path / 'home'}\n")


MODEL = SimpleNamespace(headline=90, not_validated=[], churn=SimpleNamespace(version="3"), expansion=None)


def done_of(frame: pd.DataFrame, forecast: Any) -> Any:
    """A day that is scored, as far as it is printed."""
    written = SimpleNamespace(new=True)
    return SimpleNamespace(scores=frame, forecast=forecast, as_of=AS_OF, resumed=0, written=written)


@pytest.mark.parametrize(("make", "forecast"), [(make_book, MODEL), (make_rule_book, None)], ids=["model", "rules"])
def test_who_is_snoozed_is_not_to_be_called(
    make: Callable[..., pd.DataFrame], forecast: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame, features = score_file(make(60, 3), AS_OF)
    done = done_of(frame, forecast)
    with Store.open(address_of(tmp_path)) as store:
        write_day(store, frame, AS_OF, features)
        print_scores(done, first_calls(store, done, Settings()))
        said = capsys.readouterr().out
        assert "Snoozed" not in said
        first, second, *_ = re.findall(r"^\d\. .*?\((a\d{5})\): ", said, re.MULTILINE)
        today = dt.datetime.now(dt.UTC)
        for account in (first, "gone"):
            add_feedback(store, account_id=account, verdict="handled", until=today.date() + dt.timedelta(days=2),
                         as_of=AS_OF, token_id="t-1", csm_id=None, given_at=today)  # fmt: skip
        print_scores(done, first_calls(store, done, Settings()))
    said = capsys.readouterr().out
    assert first not in said
    assert f"1. Company {int(second[1:])} ({second})" in said
    assert said.endswith("\n\nSnoozed, and left out here: 1.\n")


def test_accounts_to_call_first_are_those_of_the_call_list(
    tmp_path: Path, tenure: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without who is for billing, whatever it pays; with whom only the rules judged, behind the others."""
    book = make_book(12, 3, status="ok", csm_id=[f"c-{n % 2}" for n in range(12)], band="red")
    book["mrr"] = [(400.0 - n) / (p - 0.001) for n, p in enumerate(book["churn_90d"])]
    for h in (30, 90, 180, 365):
        book[f"typical_{h}d"], book[f"involuntary_{h}d"] = 0.001, 0.0
        book.loc[1, f"involuntary_{h}d"] = book.loc[1, f"churn_{h}d"]
    book.loc[1, "mrr"] *= 100
    model = ("churn_", "typical_", "involuntary_", "expected_", "expansion_", "health", "change_")
    nothing = [name for name in book.columns if name.startswith(model)]
    book.loc[4:, [*nothing, "reading", "top", "mrr_at_risk", "renewal_next", "drivers_horizon", "band"]] = None
    book.loc[4:, "status"] = "insufficient_data"
    book["rule_health"], book.loc[4:, "mrr"] = [50.0 - n for n in range(12)], 100.0
    frame, features = score_file(book, AS_OF)
    done = done_of(frame, MODEL)
    with Store.open(address_of(tmp_path)) as store:
        write_day(store, frame, AS_OF, features)
        calls = first_calls(store, done, Settings())
    print_scores(done, calls)
    said = capsys.readouterr().out
    shown = re.findall(r"^\d\. .*?\((a\d+)\): (.+)$", said, re.MULTILINE)
    assert [account for account, _ in shown] == ["a00000", "a00002", "a00003", "a00011", "a00010"]
    assert tenure("list", "calls", "--count", 5, "--home", tmp_path, "--json") == 0
    listed = json.loads(tenure.out)["rows"]
    assert [account for account, _ in shown] == [row["account_id"] for row in listed]
    assert shown[0][1].startswith(f"{frame.loc[0, 'reading']}; ")
    assert shown[3][1] == listed[3]["why"]


def test_an_empty_call_list_is_said_to_be_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame, features = score_file(make_book(6, 3, mrr=0.0), AS_OF)
    done = done_of(frame, MODEL)
    with Store.open(address_of(tmp_path)) as store:
        write_day(store, frame, AS_OF, features)
        print_scores(done, first_calls(store, done, Settings()))
    assert capsys.readouterr().out.endswith("\nNo account stands out: the call list is empty.\n")


def test_a_password_on_the_command_line_is_warned_of_and_never_told(
    tenure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("token", "list", "--home", tmp_path)
    closed = "postgresql://me{}@127.0.0.1:1/t{}"
    for password, more, warned in ((":s3cret", "", 1), ("", "?password=s3cret", 1), ("", "?sslmode=disable", 0)):
        url = closed.format(password, more)
        assert tenure(*arguments, "--store", url) == 1
        assert tenure.err.count("Warning: --store has a password in it") == warned
        assert len(tenure.err.splitlines()) == 1 + warned
        assert "s3cret" not in tenure.err
        monkeypatch.setenv("TENURE_STORE", url)
        assert tenure(*arguments) == 1
        assert "Warning" not in tenure.err
        monkeypatch.delenv("TENURE_STORE")


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        (None, ""),
        ("postgres://me:s3cret@db:5433/t", " --store postgresql://me@db:5433/t"),
        (
            "postgresql:///t?sslmode=require&password=s3cret&connect_timeout=2",
            " --store 'postgresql:///t?connect_timeout=2&sslmode=require'",
        ),
    ],
)
def test_the_next_command_has_the_same_store(monkeypatch: pytest.MonkeyPatch, typed: str | None, again: str) -> None:
    monkeypatch.setenv("TENURE_STORE", "postgresql://of-the-environment/t")
    with serve.make_context("serve", ["--store", typed] if typed else []) as context:
        assert store_again(context) == again


def test_too_little_to_learn_from_is_refused_with_the_numbers(tenure: Any, oulad: Path, tmp_path: Path) -> None:
    said = refused(tenure, "train", oulad, "--config", SETTINGS, "--home", tmp_path)
    assert re.search(r"\d+ of 100 in train", said)


def test_a_history_too_short_says_how_long_it_must_be(tenure: Any, oulad: Path, tmp_path: Path) -> None:
    said = refused(tenure, "train", oulad, "--as-of", "2013-04-01", "--home", tmp_path)
    assert re.search(r"\d+ days", said)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("check", "nowhere"), "is not there"),
        (("train", "nowhere"), "is not there"),
        (("score", OULAD, "--as-of", "2013-06-01", "--version", "7"), "no version 7"),
        (("features", OULAD, "--as-of", "2001-01-01", "--out", "x.parquet"), "Nothing is known before 2001-01-01"),
        (("features", OULAD, "--as-of", "2013-06-01", "--out", "none/x.parquet"), "There is no folder none"),
        (("promote", "churn"), "no challenger"),
        (("promote", "churn", "--rollback"), "no earlier champion"),
        (("check", OULAD, "--config", "none.toml"), "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_plainly(
    tenure: Any, arguments: tuple[object, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in refused(tenure, *arguments, "--home", tmp_path / "home")


def test_half_written_parquet(tenure: Any, oulad: Path, tmp_path: Path) -> None:
    file = oulad / "usage.parquet"
    file.write_bytes(file.read_bytes()[:-100])
    assert "usage.parquet is only half-written" in refused(tenure, "check", oulad, "--home", tmp_path)


def test_a_csv_in_latin_1(tenure: Any, oulad: Path, tmp_path: Path) -> None:
    accounts = pd.read_parquet(oulad / "accounts.parquet")
    (oulad / "accounts.parquet").unlink()
    accounts.loc[0, "name"] = "Café"
    accounts.to_csv(oulad / "accounts.csv", index=False, encoding="latin-1")
    said = refused(tenure, "check", oulad, "--home", tmp_path)
    assert "accounts.csv is not UTF-8" in said
    assert "line 2" in said


def test_days_and_ports_are_checked(tenure: Any, tmp_path: Path) -> None:
    assert tenure("score", OULAD, "--as-of", "June", "--home", tmp_path) == 2
    assert "write it as 2025-03-31" in tenure.err
    assert tenure("score", OULAD, "--as-of", "2199-01-01", "--home", tmp_path) == 2
    assert "to today" in tenure.err
    assert tenure("serve", "--port", "0", "--home", tmp_path) == 2


def test_simulate_does_not_overwrite(tenure: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    assert "not empty" in refused(tenure, "simulate", tmp_path, "--accounts", "50", "--months", "12")
    out = tmp_path / "new"
    assert tenure("simulate", out, "--accounts", "50", "--months", "12", "--seed", "3") == 0
    assert (out / "truth" / "churn.parquet").exists()


def test_a_model_of_another_catalogue_does_not_score(
    tenure: Any, scored_home: Path, company: Path, history: History, tmp_path: Path
) -> None:
    home = shutil.copytree(scored_home, tmp_path / "home")
    (file,) = (
        f for f in home.glob("artifacts/**/kernel/model.json") if json.loads(f.read_text())["outcome"] == "churn"
    )
    file.write_text(json.dumps({**json.loads(file.read_text()), "catalogue_hash": "0" * 64}))
    said = refused(tenure, "score", company, "--as-of", history.observed_until, "--home", home)
    assert "other feature declarations" in said


def test_promoting_goes_through_the_gate(tenure: Any, home: Path, tmp_path: Path) -> None:
    home = shutil.copytree(home, tmp_path / "home")
    assert tenure("promote", "churn", "--version", "1", "--home", home) == 0
    assert "Version 1 is the champion" in tenure.out
    assert tenure("promote", "churn", "--version", "1", "--rollback", "--home", home) == 2


def test_help_runs_without_the_heavy_imports() -> None:
    import subprocess

    code = "import sys; from serving.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "heavy = {'mlflow', 'bentoml', 'shap', 'matplotlib'} & set(sys.modules); print(heavy); assert not heavy"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
