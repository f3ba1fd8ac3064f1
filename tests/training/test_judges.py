"""Judges: none has learned from a book that it judges, they are read as they were saved, and say who has none."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import TenureError
from features.money import BaselineSettings
from features.settings import Settings
from training import judges as judging
from training.dataset import Dataset
from training.judges import JUDGES_FOLDER, Judges, dealt, fit_judges, learn_judges, load_judges, save_judges
from training.kernel import save_kernel
from training.plan import make_plan
from training.recipe import Recipe
from training.sizes import Tilt

GROUPS = 2


def books_of(dataset: Dataset, csms: int = 5, seed: int = 0) -> pd.DataFrame:
    """Most accounts belong to one CSM, some have had two, and some none; half were there from the first day on."""
    rng = np.random.default_rng(seed)
    accounts = rng.permutation(np.unique(dataset.accounts))
    first, second = accounts[: int(0.9 * len(accounts))], accounts[: int(0.1 * len(accounts))]
    pairs = pd.DataFrame({"account_id": np.concatenate([first, second])})
    pairs["csm_id"] = [f"c{n}" for n in rng.integers(0, csms, len(pairs))]
    days = np.unique(dataset.as_of).astype("datetime64[us]")
    since = rng.choice(days, len(pairs))
    pairs["since"] = np.where(rng.random(len(pairs)) < 0.5, days[0], since)
    return pairs.drop_duplicates(["account_id", "csm_id"], ignore_index=True)


def with_groups(settings: Settings, groups: int) -> Settings:
    return replace(settings, baselines=BaselineSettings(groups))


@pytest.fixture(scope="module")
def dataset(fitted: Any) -> Dataset:
    return replace(fitted.dataset, books=books_of(fitted.dataset))


@pytest.fixture(scope="module")
def fit(fitted: Any, quick: Recipe, settings: Settings) -> Callable[..., Judges]:
    def run(dataset: Dataset, groups: int = GROUPS) -> Judges:
        return fit_judges(dataset, fitted.plan, quick, with_groups(settings, groups), fitted.hazards)

    return run


@pytest.fixture(scope="module")
def judges(dataset: Dataset, fit: Callable[..., Judges]) -> Judges:
    return fit(dataset)


def book_of(judges: Judges, dataset: Dataset, group: int) -> set[tuple[str, np.datetime64]]:
    """Rows of accounts from the day on that somebody of a group began to look after them."""
    since: dict[str, np.datetime64] = {}
    for row in dataset.books.itertuples(index=False):
        if judges.groups[str(row.csm_id)] == group:
            day = np.datetime64(row.since, "D")
            since[str(row.account_id)] = min(day, since.get(str(row.account_id), day))
    rows = zip(dataset.accounts.tolist(), dataset.as_of, strict=True)
    return {(account, day) for account, day in rows if account in since and since[account] <= day}


def test_no_judge_learns_from_a_row_of_a_book_that_it_judges(
    dataset: Dataset, fit: Callable[..., Judges], fitted: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[dict[str, set[tuple[str, np.datetime64]]]] = []
    genuine = judging.fit_hazards

    def spy(data: Dataset, outcome: str, learning: Any, *rest: Any, **named: Any) -> Any:
        parts = {f"{h} {name}": part for h, each in learning.items() for name, part in vars(each).items()}
        learned.append({n: set(zip(part.accounts.tolist(), part.as_of, strict=True)) for n, part in parts.items()})
        return genuine(data, outcome, learning, *rest, **named)

    monkeypatch.setattr(judging, "fit_hazards", spy)
    judges = fit(dataset)
    assert sorted(judges.kernels) == list(range(GROUPS))
    assert len(learned) == GROUPS
    whole = {
        f"{h} {name}": set(zip(part.accounts.tolist(), part.as_of, strict=True))
        for h, each in judging.refit_learning(dataset, fitted.plan, settings.training.seed).items()
        for name, part in vars(each).items()
    }
    for group, parts in enumerate(learned):
        mine = book_of(judges, dataset, group)
        assert len(parts) == 4
        assert 0.2 < len(mine) / len(dataset.accounts) < 0.7
        for name, seen in parts.items():
            assert seen == whole[name] - mine  # and what is left is all there, rows of nobody among it


def altered(dataset: Dataset, book: set[tuple[str, np.datetime64]]) -> Dataset:
    """The same where other rows are concerned; of these everything is another."""
    rng = np.random.default_rng(1)
    mine = np.array([row in book for row in zip(dataset.accounts.tolist(), dataset.as_of, strict=True)])
    order = np.where(mine, 0, np.arange(len(mine)))
    order[mine] = rng.permutation(np.flatnonzero(mine))
    churn = dataset.targets["churn"]
    assert churn.involuntary is not None
    labels = np.where(mine[:, None] & ~np.isnan(churn.labels), (rng.random(len(mine)) < 0.7)[:, None], churn.labels)
    target = replace(churn, labels=labels, involuntary=np.where(mine[:, None], labels, churn.involuntary))
    return replace(
        dataset,
        rows=dataset.rows.iloc[order].reset_index(drop=True),
        targets={**dataset.targets, "churn": target},
        mrr=np.where(mine, 1.0, dataset.mrr),
        retained_ratio=np.where(mine[:, None] & (labels == 0), 9.0, dataset.retained_ratio),
        days_to_churn=np.where(mine, 3.0, dataset.days_to_churn),
    )


def test_whatever_became_of_a_book_moves_no_number_of_its_judge(
    dataset: Dataset, fit: Callable[..., Judges], judges: Judges
) -> None:
    rows = dataset.rows.iloc[::37]
    for group in range(GROUPS):
        others = fit(altered(dataset, book_of(judges, dataset, group)))
        assert others.groups == judges.groups
        for place in range(GROUPS):
            told = [one.kernels[place].probabilities(rows, 90) for one in (judges, others)]
            worth = [one.kernels[place].retained_ratio(rows, 90) for one in (judges, others)]
            assert np.array_equal(*told) == np.array_equal(*worth) == (place == group)


def test_who_is_judged_by_what(judges: Judges) -> None:
    for csm, group in judges.groups.items():
        assert judges.kernel_of(csm) == (judges.kernels[group], True)
    for unheard_of in ("", "came later"):
        assert judges.kernel_of(unheard_of) == (judges.everybody, True)
    assert judges.alone == frozenset()
    lone = replace(judges, groups={}, kernels={}, alone=frozenset({"c1"}))
    assert lone.kernel_of("c1") == (judges.everybody, False)


def test_without_groups_everybody_is_judged_by_what_has_seen_them(
    dataset: Dataset, fit: Callable[..., Judges], fitted: Any
) -> None:
    only = dataset.books.assign(csm_id="the only one")
    for data, groups in ((dataset, 0), (replace(dataset, books=only), 4)):
        found = fit(data, groups)
        assert (found.groups, found.kernels) == ({}, {})
        assert found.alone == set(data.books["csm_id"])
        assert all(found.kernel_of(csm) == (fitted.kernel, False) for csm in found.alone)
    assert fit(replace(dataset, books=dataset.books.iloc[:0])).alone == frozenset()


def test_who_leaves_too_little_to_learn_from_stands_alone(dataset: Dataset, fit: Callable[..., Judges]) -> None:
    accounts = np.unique(dataset.accounts)
    most = pd.DataFrame({"account_id": accounts, "csm_id": np.where(np.arange(len(accounts)) < 15, "small", "large")})
    most["since"] = dataset.as_of.min().astype("datetime64[us]")
    found = fit(replace(dataset, books=most))
    assert found.alone == {"large"}
    assert found.groups == {"small": 1}
    assert list(found.kernels) == [1]
    assert found.kernel_of("large") == (found.everybody, False)


@given(st.dictionaries(st.sampled_from([f"c{n}" for n in range(12)]), st.integers(1, 30), min_size=1), st.data())
def test_books_are_dealt_evenly_and_always_alike(sizes: dict[str, int], data: st.DataObject) -> None:
    groups = data.draw(st.integers(1, len(sizes)))
    books = pd.DataFrame([(f"a{n}", csm) for csm, size in sizes.items() for n in range(size)],
                         columns=["account_id", "csm_id"])  # fmt: skip
    found = dealt(books, groups)
    assert set(found) == set(sizes)
    assert set(found.values()) == set(range(groups))
    held = [sum(size for csm, size in sizes.items() if found[csm] == group) for group in range(groups)]
    assert max(held) - min(held) <= max(sizes.values())
    order = data.draw(st.permutations(range(len(books))))
    assert dealt(books.iloc[order], groups) == found


@pytest.fixture
def saved(judges: Judges, tmp_path: Path) -> Path:
    save_kernel(judges.everybody, tmp_path / "model")
    save_judges(judges, tmp_path / "model")
    return tmp_path / "model"


def test_what_was_saved_says_the_same(judges: Judges, saved: Path, dataset: Dataset) -> None:
    found = load_judges(saved)
    assert found is not None
    assert (found.groups, found.alone, found.unforeseen) == (judges.groups, judges.alone, judges.unforeseen)
    assert found.tilt == judges.tilt != Tilt()
    rows = dataset.rows.iloc[:300]
    for csm in ("", *judges.groups):
        for horizon in judges.everybody.horizons:
            kernels = [one.kernel_of(csm)[0] for one in (judges, found)]
            assert np.array_equal(*(kernel.probabilities(rows, horizon) for kernel in kernels))
            assert np.array_equal(*(kernel.retained_ratio(rows, horizon) for kernel in kernels))
    shutil.rmtree(saved / JUDGES_FOLDER)
    assert load_judges(saved) is None  # a version of an earlier release


DAMAGE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no groups": lambda told: told.pop("groups"),
    "groups are a list": lambda told: told.update(groups=["c0"]),
    "a group is text": lambda told: told["groups"].update(c0="first"),
    "a group is no whole number": lambda told: told["groups"].update(c0=0.5),
    "a group is not there": lambda told: told["groups"].update(c0=7),
    "alone is nothing": lambda told: told.update(alone=None),
    "no errors": lambda told: told.pop("unforeseen"),
    "an error is missing": lambda told: told["unforeseen"].pop("shock_sd"),
    "an error is text": lambda told: told["unforeseen"].update(level_sd="much"),
    "an error is no number": lambda told: told["unforeseen"].update(growth_sd=float("nan")),
    "a horizon is no number": lambda told: told["unforeseen"].update(spread={"soon": 0.1}),
    "a spread is a list": lambda told: told["unforeseen"].update(spread={"90": [0.1]}),
}


def refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=str(folder)) as refusal:
        load_judges(folder)
    text = str(refusal.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert " damaged" in text or " missing " in text or " holds no Tenure model" in text


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_one_plain_sentence(damage: str, saved: Path) -> None:
    file = saved / JUDGES_FOLDER / "judges.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    DAMAGE[damage](told)
    file.write_text(json.dumps(told), encoding="utf-8")
    refused(saved)


def test_damaged_files_are_one_plain_sentence(saved: Path) -> None:
    file = saved / JUDGES_FOLDER / "judges.json"
    whole = file.read_bytes()
    for content in (b"", whole[:50], b"\xff\xfe", b"[1]", b"3", b"[" * 100_000):
        file.write_bytes(content)
        refused(saved)
    file.write_bytes(whole)
    tree = next((saved / JUDGES_FOLDER / "1").glob("churn_*.txt"))
    kept = tree.read_bytes()
    tree.write_bytes(kept.replace(b"0", b"1", 1))
    refused(saved)
    tree.unlink()
    refused(saved)
    tree.write_bytes(kept)
    assert load_judges(saved) is not None
    shutil.rmtree(saved / JUDGES_FOLDER / "0")
    refused(saved)


def test_what_is_learned_of_a_day_asks_for_nothing_later(
    dataset: Dataset,
    make_dataset: Callable[..., Dataset],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history, day = object(), dt.date(2025, 3, 1)
    asked: list[Any] = []
    monkeypatch.setattr(judging, "load_dataset", lambda *given: asked.append(given) or dataset)
    monkeypatch.setattr(judging, "refit", lambda *given: asked.append(given))
    monkeypatch.setattr(judging, "fit_judges", lambda *given: given)
    found: Any = learn_judges(history, settings, day)  # type: ignore[arg-type]  # only handed on
    start = Recipe.of("churn", settings.training.seed)
    assert asked[0] == (history, settings, day)
    assert asked[1] == (dataset, found[1], start, settings)
    assert found[:4] == (dataset, make_plan(dataset, "churn", settings), start, settings)
    monkeypatch.setattr(judging, "load_dataset", lambda *given: make_dataset(accounts=60))
    with pytest.raises(TenureError, match=r"too little to learn from .* of 100 in train"):
        learn_judges(history, settings, day)  # type: ignore[arg-type]  # only handed on
