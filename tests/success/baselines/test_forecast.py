"""Forecast: what is expected of each account, against paths that are drawn day by day, and against the kernel."""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from success.baselines import MONTHS, Expectation, Rates, expect, forecast
from success.periods import months_after
from tests.training import kernels
from training.judges import Judges
from training.kernel import Interval, Kernel, SmoothMap
from training.kernel.curve import curve_of
from training.unforeseen import Unforeseen

BASE = dt.date(2025, 7, 1)
GRACE_DAYS = 30
RATES = Rates(withdrawn=0.25, notice_days=40.0, returned=0.3, leaving={"": 0.0004, "smb": 0.002}, growth=0.03,
              spread=0.02)  # fmt: skip
SURE = Unforeseen(0.1, 0.2, 0.01, {})
"""Nothing moves the MRR of who is retained but what is expected."""
LOUD = Unforeseen(0.1, 0.2, 0.01, {90: 0.02})
SHARES = [0.0, 0.5, 1.0]


def kernel_of(ends: tuple[int, ...], seed: int = 0, ratios: bool = True) -> Kernel:
    """Trees that nobody fitted, with hazards of some percent a month."""
    rng = Random(seed)
    parts = [
        Interval(end, kernels.trees(rng.choice(("small", "deep")), n), {}, SmoothMap((), (), (-3.0, 1.0)), 0.2,
                 rng.choice(SHARES))
        for n, end in enumerate(ends)
    ]  # fmt: skip
    told = {"ratio_trees": kernels.trees("deep", 8), "ratio_fills": {}} if ratios else {}
    grown = {end: (1.0 + 0.0004 * end, 0.01) for end in ends} if ratios else None
    return Kernel(
        parts, kernels.NAMES, kernels.CATEGORIES, kernels.TYPICAL, "c" * 64, "churn", (), "", None, ratios=grown, **told
    )


def rows_of(n: int, seed: int = 0) -> pd.DataFrame:
    """Feature rows of a-0, a-1, ...; half of them renew within the year."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    frame["plan"] = rng.choice(kernels.CATEGORIES["plan"], n)
    frame["term_months"] = np.where(np.arange(n) % 2, 12.0, 1.0)
    frame["days_to_renewal"] = rng.integers(0, 200, n).astype(float)
    return frame.assign(account_id=[f"a-{i}" for i in range(n)])


def subjects_of(n: int, **given: Any) -> pd.DataFrame:
    """n scored accounts, a-0, a-1, ..., but for what is given."""
    columns = {
        "account_id": [f"a-{i}" for i in range(n)],
        "csm_id": pd.Series([""] * n, dtype=object),
        "segment": pd.Series([None] * n, dtype=object),
        "standing": pd.Series(["scored"] * n, dtype=object),
        "mrr": 100.0 + 50 * np.arange(n),
        "leaves_on": pd.Series([pd.NaT] * n, dtype="datetime64[us]"),
        "left_on": pd.Series([pd.NaT] * n, dtype="datetime64[us]"),
    }
    return pd.DataFrame(columns | given)


def judges_of(kernel: Kernel, unforeseen: Unforeseen = SURE) -> Judges:
    return Judges(kernel, unforeseen)


def told_of(subjects: pd.DataFrame, rows: pd.DataFrame, judges: Judges | None, base: dt.date = BASE) -> Expectation:
    return expect(subjects, rows, judges, RATES, base, grace_days=GRACE_DAYS, version="7")


@pytest.mark.parametrize(
    ("base", "ends"),
    [(dt.date(2025, 7, 1), (31, 92, 365)), (dt.date(2025, 1, 1), (31, 90, 181, 365)), (dt.date(2024, 4, 1), (30, 91)),
     (dt.date(2024, 2, 1), (29, 366))],
)  # fmt: skip
def test_at_a_horizon_that_is_a_months_end_it_is_the_kernels(base: dt.date, ends: tuple[int, ...]) -> None:
    kernel, rows, subjects = kernel_of(ends), rows_of(40), subjects_of(40)
    found, curve = told_of(subjects, rows, judges_of(kernel), base), curve_of(kernel, rows)
    mrr = subjects["mrr"].to_numpy()
    for place, end in enumerate(ends):
        at = base + dt.timedelta(end)
        assert at.day == 1
        told = found.until(at)
        assert told.exit == pytest.approx(curve.expected_mrr(mrr, [end])[:, 0], abs=1e-9)
        assert told.churn == pytest.approx(kernel.probabilities(rows, end), abs=1e-12)
        assert told.kept_exit == pytest.approx(mrr * kernel.retained_ratio(rows, end), abs=1e-9)
        assert place or np.ptp(told.churn) > 0.01


# ---- paths ------------------------------------------------------------------------------------------------------

Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]
"""Days on which paths begin to pay and on which they cease to, as numbers from the base day on."""


def days_of(base: dt.date) -> list[dt.date]:
    return [base + dt.timedelta(n) for n in range((months_after(base, MONTHS) - base).days)]


def simulated(
    pays: np.ndarray, draw: Draw, base: dt.date, *, spread: float = 0.0, paths: int = 20_000
) -> dict[str, np.ndarray]:
    """MRR at the end and revenue until then of each path, for each month: (MONTHS, paths).

    Parameters
    ----------
    pays : (D,) the MRR of who is there on a day.
    spread : standard deviation of what upgrades and downgrades add to it in a day.
    """
    rng = np.random.default_rng(1)
    begins, ceases = draw(rng, paths)
    wandered, revenue = np.zeros(paths), np.zeros(paths)
    exits, revenues = [], []
    for n, day in enumerate(days_of(base)):
        wandered += spread * rng.standard_normal(paths) if spread else 0.0
        mrr = np.where((n >= begins) & (n < ceases), pays[n] + wandered, 0.0)
        revenue += mrr / monthrange(day.year, day.month)[1]
        if (day + dt.timedelta(1)).day == 1:
            exits.append(mrr)
            revenues.append(revenue.copy())
    return {"exit": np.array(exits), "revenue": np.array(revenues)}


def compare(
    found: Expectation, place: int, paths: dict[str, np.ndarray], *, sd: float = 0.06, from_month: int = 0
) -> None:
    """Means within four standard errors, and standard deviations nearly."""
    for k in range(from_month, MONTHS):
        told = found.until(months_after(found.rows["as_of"].iloc[0], k + 1))
        for name in ("exit", "revenue"):
            drawn = paths[name][k]
            error = drawn.std() / np.sqrt(len(drawn))
            assert getattr(told, name)[place] == pytest.approx(drawn.mean(), abs=4.5 * error + 1e-9), (name, k)
            assert getattr(told, f"sd_{name}")[place] == pytest.approx(drawn.std(), rel=sd, abs=1e-2), (name, k)


def leaving(churn: np.ndarray) -> Draw:
    """Who leaves by the end of day n with a probability of churn[n] pays until the day before."""
    return lambda rng, paths: (np.zeros(paths), np.searchsorted(churn, rng.random(paths), side="right"))


def account_paths(kernel: Kernel, rows: pd.DataFrame, place: int, mrr: float, base: dt.date, **more: Any) -> Any:
    """By the kernel's curve, beyond whose last horizon hazards and growth go on at the mean pace until then."""
    curve, last, count = curve_of(kernel, rows), kernel.horizons[-1], len(days_of(base))
    churn, pays = np.zeros(count), np.zeros(count)
    for n in range(count):
        day = n + 1
        if day <= last:
            churn[n], ratio = curve.churn([day])[place, 0], curve.retained_ratio([day])[place, 0]
        else:
            churn[n] = 1 - (1 - curve.churn([last])[place, 0]) ** (day / last)
            ratio = 1 + (curve.retained_ratio([last])[place, 0] - 1) * day / last
        pays[n] = mrr * ratio
    return simulated(pays, leaving(churn), base, **more)


@pytest.mark.parametrize("base", [dt.date(2025, 7, 1), dt.date(2024, 1, 1)])
def test_by_a_model_it_is_what_paths_come_to(base: dt.date) -> None:
    kernel, rows, subjects = kernel_of((30, 90, 180), seed=3), rows_of(4), subjects_of(4)
    found = told_of(subjects, rows, judges_of(kernel), base)
    assert set(found.rows["source"]) == {"model"}
    for place in range(4):
        compare(found, place, account_paths(kernel, rows, place, subjects["mrr"][place], base))


def test_upgrades_and_downgrades_widen_it() -> None:
    kernel, rows, subjects = kernel_of((30, 90, 365), seed=3), rows_of(2), subjects_of(2)
    found = told_of(subjects, rows, judges_of(kernel, LOUD))
    daily = np.sqrt(0.02 / 90)
    for place in range(2):
        mrr = subjects["mrr"][place]
        compare(found, place, account_paths(kernel, rows, place, mrr, BASE, spread=mrr * daily), sd=0.1)


def test_under_notice_it_is_paid_until_the_end_and_beyond_it_as_often_as_notices_were_withdrawn() -> None:
    ends = [dt.date(2025, 7, 1), dt.date(2025, 7, 20), dt.date(2025, 9, 1), dt.date(2026, 3, 15), None]
    subjects = subjects_of(5, standing="notice", leaves_on=pd.Series(ends, dtype="datetime64[us]"))
    found = told_of(subjects, rows_of(5), judges_of(kernel_of((30, 90))))
    assert found.rows["source"].tolist() == ["notice"] * 5
    assert found.rows["model_version"].tolist() == [None] * 5
    count = len(days_of(BASE))
    for place, end in enumerate(ends):
        until = 40 if end is None else (end - BASE).days  # the usual time from a notice to the end

        def draw(rng: np.random.Generator, paths: int, until: int = until) -> tuple[np.ndarray, np.ndarray]:
            return np.zeros(paths), np.where(rng.random(paths) < RATES.withdrawn, count, until)

        compare(found, place, simulated(np.full(count, subjects["mrr"][place]), draw, BASE))
    exact = found.take([2]).until(dt.date(2025, 9, 1))
    assert (exact.churn[0], exact.sd_exit[0]) == pytest.approx((0, 0), abs=1e-9)
    assert exact.revenue[0] == pytest.approx(2 * subjects["mrr"][2])


def test_in_grace_it_is_paid_again_as_often_as_others_came_back_who_got_so_far() -> None:
    gone = [dt.date(2025, 7, 1), dt.date(2025, 6, 21), dt.date(2025, 6, 2)]
    subjects = subjects_of(3, standing="grace", left_on=pd.Series(gone, dtype="datetime64[us]"))
    found = told_of(subjects, rows_of(3), judges_of(kernel_of((30, 90)), LOUD))
    assert found.rows["source"].tolist() == ["grace"] * 3
    count = len(days_of(BASE))
    for place, left in enumerate(gone):
        since = (BASE - left).days

        def draw(rng: np.random.Generator, paths: int, since: int = since) -> tuple[np.ndarray, np.ndarray]:
            """Of all who leave, those who are not back so many days later."""
            back = np.where(rng.random(20 * paths) < RATES.returned, rng.integers(0, GRACE_DAYS, 20 * paths), 10**6)
            return back[back >= since][:paths] - since, np.full(paths, count)

        # In the first month the day of the return is uncertain too, which is not part of what is told.
        compare(found, place, simulated(np.full(count, subjects["mrr"][place]), draw, BASE), from_month=1)
    first = found.until(BASE + dt.timedelta(1))
    assert np.all((first.exit >= 0) & (first.exit < 0.3 * subjects["mrr"]))


def test_without_a_model_it_is_the_rate_of_the_segment() -> None:
    segments = pd.Series(["smb", "unheard of", None], dtype=object)
    subjects, rows = subjects_of(3, segment=segments), rows_of(3)
    nobody = told_of(subjects, pd.DataFrame({"account_id": []}), None)
    unknown = told_of(subjects, rows.assign(account_id=["b-0", "b-1", "b-2"]), judges_of(kernel_of((30, 90))))
    for found in (nobody, unknown):
        assert found.rows["source"].tolist() == ["rate"] * 3
        assert found.rows["model_version"].tolist() == [None] * 3
        assert found.rows["own_book_left_out"].all()
        assert found.until(dt.date(2026, 1, 1)).kept_exit == pytest.approx(subjects["mrr"] * (1 + 0.03 * 184 / 90))
        count = len(days_of(BASE))
        for place, rate in enumerate([0.002, 0.0004, 0.0004]):
            churn = 1 - np.exp(-rate * np.arange(1, count + 1))
            mrr = subjects["mrr"][place]
            pays = mrr * (1 + 0.03 * np.arange(1, count + 1) / 90)
            daily = mrr * np.sqrt(0.02 / 90)
            compare(found, place, simulated(pays, leaving(churn), BASE, spread=daily), sd=0.15)


# ---- who is judged by what --------------------------------------------------------------------------------------


def test_each_csm_is_judged_by_the_model_that_has_not_seen_the_book() -> None:
    everybody, without = kernel_of((30, 90)), kernel_of((30, 90), seed=9)
    judges = Judges(everybody, SURE, {0: without}, {"ann": 0}, frozenset({"cid"}))
    n = 5
    csms = ["ann", "", "bob", "cid", "ann"]
    subjects = subjects_of(n, csm_id=pd.Series(csms, dtype=object), account_id=["a-0", "a-1", "a-2", "a-3", "a-1"])
    found, rows = told_of(subjects, rows_of(4), judges), rows_of(4)
    day = dt.date(2025, 10, 1)
    by = {name: told_of(subjects, rows, judges_of(k)).until(day).churn for name, k in
          (("everybody", everybody), ("without", without))}  # fmt: skip
    wanted = [by["without" if csm == "ann" else "everybody"][place] for place, csm in enumerate(csms)]
    assert found.until(day).churn.tolist() == wanted
    assert np.abs(by["without"] - by["everybody"]).min() > 1e-6
    assert found.rows["own_book_left_out"].tolist() == [True, True, True, False, True]
    assert found.rows["csm_id"].tolist() == csms


def test_rows_say_how_they_were_made() -> None:
    subjects = subjects_of(
        3,
        standing=pd.Series(["scored", "notice", "scored"], dtype=object),
        segment=pd.Series(["smb", None, "mid"], dtype=object),
        account_id=["a-1", "a-0", "a-9"],
    )
    found = expect(subjects, rows_of(2), judges_of(kernel_of((30, 90))), RATES, BASE, grace_days=30, version="7",
                   reconstructed=True)  # fmt: skip
    told = found.rows.to_dict("list")
    assert told["account_id"] == ["a-1", "a-0", "a-9"]
    assert (told["source"], told["model_version"]) == (["model", "notice", "rate"], ["7", None, None])
    assert (told["kind"], told["period"], told["as_of"]) == (["period"] * 3, ["2025-07"] * 3, [BASE] * 3)
    assert told["reconstructed"] == [True] * 3
    assert told["segment"] == ["smb", None, "mid"]
    assert found.shared.drop_duplicates().to_numpy().tolist() == [[SURE.level_sd, SURE.shock_sd, SURE.growth_sd]]
    assert all(np.isfinite(part).all() for part in found.months)


def test_many_rows_are_told_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, rows = kernel_of((30, 90)), rows_of(17)
    order = np.random.default_rng(0).permutation(17)
    subjects = subjects_of(17).iloc[order].reset_index(drop=True)
    whole = told_of(subjects, rows, judges_of(kernel, LOUD))
    monkeypatch.setattr(forecast, "_CHUNK", 3)
    parts = told_of(subjects, rows, judges_of(kernel, LOUD))
    for ours, theirs in zip(whole.months, parts.months, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_was_fitted_nothing_impossible_is_expected(seed: int) -> None:
    rng = Random(seed)
    kernel, rows = kernels.kernel(rng), kernels.rows(seed, 20)
    rows = rows.assign(account_id=[f"a-{i}" for i in range(20)], term_months=12.0, days_to_renewal=np.arange(20.0) * 9)
    subjects = subjects_of(20, mrr=[0.0, *(100.0 * np.arange(1, 20))])
    found = told_of(subjects, rows, judges_of(kernel, LOUD))
    for part in found.months:
        assert np.isfinite(part).all()
        assert np.all(part >= 0)
    for part in (found.months.churn, found.months.revenue, found.months.kept_revenue):
        assert np.all(np.diff(part, axis=1) >= -1e-9 * np.abs(part[:, 1:]))
    assert np.all(found.months.churn <= 1)
    assert np.all(found.months.revenue <= found.months.kept_revenue * (1 + 1e-9))
    told = found.until(dt.date(2027, 5, 5))
    for name, part in told._asdict().items():
        assert np.isfinite(part).all(), name
        assert name == "churn" or part[0] == 0, name


def test_without_growth_in_the_model_who_is_retained_pays_the_same() -> None:
    subjects = subjects_of(3)
    found = told_of(subjects, rows_of(3), judges_of(kernel_of((30, 90), ratios=False)))
    assert found.months.kept_exit == pytest.approx(np.repeat(subjects["mrr"].to_numpy()[:, None], MONTHS, axis=1))


def test_only_the_first_of_a_month_is_a_base() -> None:
    with pytest.raises(ValueError, match="the first of a month"):
        told_of(subjects_of(1), rows_of(1), None, dt.date(2025, 7, 2))
    assert len(told_of(subjects_of(0), rows_of(0), judges_of(kernel_of((30, 90))))) == 0
