"""The scoring job: killed, run twice at once, run again, over several days; what is stored is always a whole day."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from features.errors import TenureError
from serving import parts
from serving.cli.jobs import Exit
from serving.forecast import Forecast, load_model
from serving.job import champions_of, score_and_store
from serving.layout import table_of
from serving.scoring import score_day
from serving.store.address import address_of
from serving.store.errors import StoreUnreachableError
from serving.store.store import Store
from training import registry

if TYPE_CHECKING:
    from features.history import History

ROOT = Path(__file__).resolve().parents[2]
OULAD = ROOT / "tests" / "data" / "oulad"
NOW = dt.datetime(2026, 2, 1, 3, 0, tzinfo=dt.UTC)

KILLED = """
import functools, os, signal, sys
from serving import job
from serving.cli.main import main
from serving.drafts import Drafts

put, kept = Drafts.put, []

def put_and_die(drafts, key, part):
    put(drafts, key, part)
    kept.append(key)
    if len(kept) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

Drafts.put = put_and_die
job.score_day = functools.partial(job.score_day, part=200)
main(sys.argv[1:])
"""


@pytest.fixture
def fresh(home: Path, tmp_path: Path) -> Path:
    """The trained home without any score."""
    return Path(shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("scores.db*", "server-*")))


@pytest.fixture(scope="module")
def forecast(home: Path) -> Forecast:
    found = registry.champion(home)
    assert found is not None
    return Forecast(load_model(found), load_model(registry.version(home, 1, "expansion")))


def runs_of(home: Path) -> list[tuple[Any, ...]]:
    """Every run in the store of a home: id, day and the rows it says it has and those it has."""
    import sqlite3

    with sqlite3.connect(home / "scores.db") as connection:
        return connection.execute(
            "SELECT id, as_of, accounts, (SELECT count(*) FROM tenure_scores AS s WHERE s.run_id = r.id) "
            "FROM tenure_runs AS r ORDER BY id"
        ).fetchall()


def test_a_day_is_the_same_bytes_whatever_the_size_of_its_parts(history: History, forecast: Forecast) -> None:
    day = history.observed_until
    whole = score_day(history, forecast, day, NOW, part=10**6)
    cut = score_day(history, forecast, day, NOW, part=97)
    pd.testing.assert_frame_equal(cut.frame, whole.frame, check_exact=True)
    pd.testing.assert_frame_equal(cut.features, whole.features, check_exact=True)
    assert table_of(cut.frame, day).equals(table_of(whole.frame, day))
    assert whole.features.index.tolist() == whole.frame.loc[whole.frame["churn_90d"].notna(), "account_id"].tolist()
    owners = whole.frame["csm_id"]
    assert owners.notna().any()
    assert {type(owner) for owner in owners} <= {str, type(None)}


def test_an_account_on_which_the_model_fails_has_a_row_that_says_why(
    history: History, forecast: Forecast, fresh: Path, tenure: Any, company: Path, settings_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    day = history.observed_until
    expected = score_day(history, forecast, day, NOW).frame
    scored = expected.loc[expected["churn_90d"].notna(), "account_id"].tolist()
    failing = {scored[0], scored[500], scored[-1]}
    known = Forecast.figures

    def figures(self: Forecast, rows: pd.DataFrame) -> pd.DataFrame:
        if failing & set(rows["account_id"]):
            raise FloatingPointError("a number became\0too large\nat tree 7")
        return known(self, rows)

    monkeypatch.setattr(Forecast, "figures", figures)
    found = score_day(history, forecast, day, NOW)
    assert found.failed == 3
    mine = found.frame.set_index("account_id")
    bad = mine.loc[sorted(failing)]
    assert set(bad["status"]) == {"error"}
    assert set(bad["reason"]) == {"The model failed on this account: a number becametoo large."}
    assert bad[["churn_30d", "churn_90d", "drivers", "expansion_drivers", "reading", "mrr_at_risk"]].isna().all().all()
    assert bad["mrr"].notna().all()
    neighbours = expected.set_index("account_id").drop(index=sorted(failing))
    pd.testing.assert_frame_equal(mine.drop(index=sorted(failing)), neighbours, check_exact=True)
    # From the command to the store, and to whoever reads it.
    assert tenure("score", company, "--as-of", day, "--home", fresh, "--config", settings_file, "--json") == 0
    told = json.loads(tenure.out)
    assert told["statuses"]["error"] == 3
    (warning,) = told["warnings"]
    assert warning.startswith(f"The model failed on 3 of {len(scored):,} accounts")
    with Store.open(address_of(fresh)) as store:
        run = store.latest()
        assert run is not None
        row = store.rows(run, [scored[0]])[scored[0]]
        assert store.features(run, scored[0])
    assert (row.status, row.drivers) == ("error", None)
    failing |= set(scored)
    with pytest.raises(TenureError, match="fails on every account"):
        score_day(history, forecast, day, NOW)


def test_a_killed_scoring_goes_on_where_it_was(
    fresh: Path, scored_home: Path, company: Path, settings_file: Path, history: History, stored_scores: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    day = history.observed_until
    arguments = ["score", company, "--as-of", day, "--home", fresh, "--config", settings_file]
    killed = subprocess.run([sys.executable, "-c", KILLED, *map(str, arguments)], cwd=ROOT, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert runs_of(fresh) == []
    assert len(list((fresh / "drafts").iterdir())) == 3
    worked_out = []
    known = parts._said
    monkeypatch.setattr(parts, "_said", lambda f, rows, h: worked_out.append(len(rows)) or known(f, rows, h))
    monkeypatch.setattr("serving.job.score_day", lambda *a, **k: score_day(*a, **k, part=200))
    with Store.open(address_of(fresh)) as store:
        done = score_and_store(history, fresh, store, champions_of(fresh), day)
        run = store.latest()
        assert run is not None
        found = store.frame(run)
        digests = [_digest(home) for home in (fresh, scored_home)]
    scored = int(found["churn_90d"].notna().sum())
    assert done.resumed == 600
    assert (len(worked_out), sum(worked_out)) == (-(-scored // 200) - 3, scored - 600)
    assert not (fresh / "drafts").exists()
    # As by the one that nobody killed, and that went through in parts of another size.
    pd.testing.assert_frame_equal(
        found.drop(columns="computed_at"), stored_scores.drop(columns="computed_at"), check_exact=True
    )
    assert digests[0] == digests[1]
    # What is a fact of an account, or of its history, does not stand in the rows of a run.
    stored = table_of(stored_scores, day).drop_columns("computed_at")
    assert table_of(done.scores, day).select(stored.column_names).equals(stored)


def _digest(home: Path) -> str:
    import sqlite3

    with sqlite3.connect(home / "scores.db") as connection:
        return str(connection.execute("SELECT digest FROM tenure_runs ORDER BY id DESC LIMIT 1").fetchone()[0])


def test_two_at_once_store_one_day_once(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "serving.cli", "score", OULAD, "--as-of", "2013-06-01", "--home", tmp_path]
    command = [*map(str, arguments), "--json"]
    pair = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)
    ]
    told = []
    for process in pair:
        out, err = process.communicate(timeout=120)
        assert process.returncode == Exit.DONE, err
        told.append(json.loads(out))
    assert sorted(each["stored"] for each in told) == ["new", "same"]
    assert told[0]["run"] == told[1]["run"]
    ((_, as_of, accounts, rows),) = runs_of(tmp_path)
    assert (as_of, accounts) == ("2013-06-01", rows)


def test_several_days_are_stored_oldest_first_and_those_that_stand_are_left(tenure: Any, tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "scores.parquet"
    arguments = ("score", OULAD, "--home", home)
    assert tenure(*arguments, "--as-of", "2013-05-01") == 0
    assert "2013-05-01: " in tenure.out
    assert "; stored." in tenure.out
    several = (*arguments, "--as-of", "2013-06-01", "--since", "2013-05-30", "--as-of", "2013-05-01", "--out", out)
    assert tenure(*several, "--json") == 0
    told = json.loads(tenure.out)
    days = ["2013-05-01", "2013-05-30", "2013-05-31", "2013-06-01"]
    assert [day["as_of"] for day in told["days"]] == days
    assert [day["stored"] for day in told["days"]] == ["same", "new", "new", "new"]
    assert {name: told[name] for name in told["days"][-1]} == told["days"][-1]
    assert [as_of for _, as_of, _, _ in runs_of(home)] == days
    assert all(said == there for _, _, said, there in runs_of(home))
    written = pd.read_parquet(out)
    assert written.groupby("as_of").size().to_dict() == {
        dt.date.fromisoformat(day["as_of"]): day["accounts"] for day in told["days"]
    }
    content = out.read_bytes()
    assert tenure(*several) == 0
    assert tenure.out.count("already stored.") == 4
    assert len(runs_of(home)) == 4
    assert out.read_bytes() == content, "the file says when what is stored was computed"
    assert tenure(*arguments, "--as-of", "2013-06-01", "--since", "2013-06-02") == Exit.USAGE
    assert "lies after the last --as-of" in tenure.err


@pytest.mark.parametrize("url", ["postgresql://nobody:s3cret@127.0.0.1:9/none", "mysql://me:s3cret@host/db"])
def test_a_store_that_cannot_be_is_one_sentence_before_any_work(
    tenure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    arguments = ("score", OULAD, "--as-of", "2013-06-01", "--home", tmp_path)
    assert tenure(*arguments, "--store", url) == Exit.FAILED
    assert "s3cret" not in tenure.err
    *warned, said = tenure.err.splitlines(keepends=True)
    assert said.startswith("tenure: ")
    assert all(line.startswith("Warning: --store has a password in it") for line in warned)
    monkeypatch.setenv("TENURE_STORE", url)
    assert tenure(*arguments) == Exit.FAILED
    assert tenure.err == said
    assert [file.name for file in tmp_path.iterdir() if file.name != "score.lock"] == []


def test_a_store_that_goes_away_in_the_middle_changes_nothing_and_loses_nothing(
    history: History, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = history.observed_until
    champions = champions_of(fresh)
    with Store.open(address_of(fresh)) as store:
        with monkeypatch.context() as patch:
            patch.setattr("serving.job.write_day", _unreachable)
            with pytest.raises(StoreUnreachableError):
                score_and_store(history, fresh, store, champions, day)
        assert store.latest() is None
        worked_out = []
        known = parts._said
        monkeypatch.setattr(parts, "_said", lambda f, rows, h: worked_out.append(len(rows)) or known(f, rows, h))
        done = score_and_store(history, fresh, store, champions, day)
    assert worked_out == []
    assert done.resumed == int(done.scores["churn_90d"].notna().sum()) > 900
    assert np.isfinite(done.scores["churn_90d"].dropna()).all()
    assert done.written.new


def _unreachable(*_: Any) -> None:
    raise StoreUnreachableError("The score store does not answer.")


def test_where_the_disk_is_full_one_sentence_says_so_and_the_day_before_stands(tenure: Any, tmp_path: Path) -> None:
    """A limit on the size of files stands in for a disk without room."""
    arguments = ["score", str(OULAD), "--home", str(tmp_path), "--as-of"]
    assert tenure(*arguments, "2013-05-31") == 0
    before = runs_of(tmp_path)
    code = "import resource, sys; from serving.cli.main import main; "
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000,) * 2); main(sys.argv[1:])"
    command = [sys.executable, "-c", code, *arguments, "2013-06-01"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == Exit.FAILED, done.stderr
    assert done.stderr.startswith("tenure: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert runs_of(tmp_path) == before
    assert tenure(*arguments, "2013-06-01") == 0
    assert len(runs_of(tmp_path)) == 2
