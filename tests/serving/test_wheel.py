"""The wheel, installed where nothing of the checkout is, serves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel and the locked libraries, but not the checkout."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    left_out = shutil.ignore_patterns(
        ".venv", ".git", ".*_cache", "*.egg-info", "build", "dist", "demo-company", ".tenure"
    )
    shutil.copytree(ROOT, source, ignore=left_out)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place / "dist"), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (place / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place / "env")], check=True)
    site = next((place / "env").glob("lib/python*/site-packages"))
    # A path file is not read from a folder that another path file names, so the editable install stays out.
    (site / "locked.pth").write_text(sysconfig.get_path("purelib") + "\n")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    shutil.rmtree(source)
    return place / "env" / "bin"


def test_the_wheel_holds_the_packages_and_nothing_else(installed: Path) -> None:
    site = next(installed.parent.glob("lib/python*/site-packages"))
    found = {p.name for p in site.iterdir() if not p.name.endswith((".dist-info", ".pth"))}
    assert found == {"features", "training", "success", "serving"}
    assert (site / "features" / "py.typed").exists()
    assert (site / "features" / "catalogue" / "engagement.py").exists()


def test_it_serves(
    installed: Path,
    scored_home: Path,
    bearer: dict[str, str],
    tmp_path: Path,
    serving: Callable[..., AbstractContextManager[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    python = str(installed / "python")
    where = "import features, serving, json; print(json.dumps([features.__file__, serving.__file__]))"
    done = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True)
    assert all(Path(file).is_relative_to(installed.parent) for file in json.loads(done.stdout))
    with serving(scored_home, [python, "-m", "serving.cli", "serve", "--home", str(scored_home)]) as address:
        answer = httpx.post(f"{address}/score", json={"account_ids": ["nobody"]}, headers=bearer, timeout=60)
        assert answer.status_code == 200
        rows = {"rows": [{"mrr": 100}]}
        answer = httpx.post(f"{address}/score_features", json=rows, headers=bearer, timeout=60)
        assert 0 < answer.json()["results"][0]["churn_90d"] < 1
