"""Random small companies: accounts with gaps, overlaps, returns, several currencies and hands, and their history."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hypothesis import strategies as st

from features.history import History
from features.money import RevenueSettings
from features.settings import ChurnSettings, Settings

EPOCH = dt.date(2023, 11, 1)
DAYS = 430
RATES = {"EUR": Decimal(1), "USD": Decimal("0.925"), "GBP": Decimal("1.17")}


class Sub(NamedTuple):
    """One paid subscription or trial."""

    name: str
    plan: str
    start: dt.date
    end: dt.date | None
    reason: str | None
    renews: dt.date | None
    term: int | None
    mrr: Decimal
    currency: str | None
    trial: bool


@dataclass(frozen=True)
class Account:
    """One account: versions of its segment by the day they begin, CSMs with their days, exits with what was said."""

    name: str
    subs: tuple[Sub, ...]
    segments: tuple[tuple[dt.date, str], ...]
    seller: str
    hands: tuple[tuple[str, dt.date, dt.date | None], ...]
    exits: tuple[tuple[dt.date, str], ...] = ()


@dataclass(frozen=True)
class Company:
    """Accounts, and how they are counted."""

    accounts: tuple[Account, ...]
    grace: int = 30
    tables: frozenset[str] = field(default_factory=lambda: frozenset({"assignments", "exits"}))

    @property
    def settings(self) -> Settings:
        rates = {name: float(rate) for name, rate in RATES.items() if name != "EUR"}
        return replace(Settings(), churn=ChurnSettings(grace_days=self.grace), revenue=RevenueSettings("EUR", rates))

    def open(self) -> History:
        """Its history, of which validation has set nothing aside."""
        with TemporaryDirectory() as folder:
            for table, rows in self._rows().items():
                _write(Path(folder) / f"{table}.csv", rows)
            history = History.open(Path(folder), self.settings)
        assert not history.report.failing, history.quarantine()
        return history

    def _rows(self) -> dict[str, list[dict[str, Any]]]:
        every = {
            "accounts": [
                {"account_id": a.name, "created_on": EPOCH, "segment": segment, "sold_on": EPOCH,
                 "sold_by": a.seller, "valid_from": day}
                for a in self.accounts for day, segment in a.segments
            ],
            "usage": [{"account_id": a.name, "day": EPOCH, "feature": "f", "events": 1} for a in self.accounts],
            "subscriptions": [
                {"subscription_id": s.name, "account_id": a.name, "plan": s.plan, "started_on": s.start,
                 "ended_on": s.end, "end_reason": s.reason, "renews_on": s.renews, "term_months": s.term,
                 "mrr": s.mrr, "currency": s.currency, "trial": str(s.trial).lower()}
                for a in self.accounts for s in a.subs
            ],
            "assignments": [
                {"account_id": a.name, "csm_id": csm, "from_on": start, "to_on": end}
                for a in self.accounts for csm, start, end in a.hands
            ],
            "exits": [
                {"account_id": a.name, "asked_on": day, "reason": reason}
                for a in self.accounts for day, reason in a.exits
            ],
        }  # fmt: skip
        return {name: rows for name, rows in every.items() if rows and name not in self._absent()}

    def _absent(self) -> frozenset[str]:
        return frozenset({"assignments", "exits"}) - self.tables


def literal(tables: Mapping[str, str], chosen: Settings | None = None) -> History:
    """A history of literal CSV tables; blanks around commas are for the reader's eye only."""
    with TemporaryDirectory() as folder:
        for name, text in tables.items():
            lines = [",".join(cell.strip() for cell in line.split(",")) for line in text.strip().splitlines()]
            (Path(folder) / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        history = History.open(Path(folder), chosen or Settings())
    assert not history.report.failing, history.quarantine()
    return history


def _write(file: Path, rows: list[dict[str, Any]]) -> None:
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in rows)


_DAYS = st.integers(1, DAYS).map(lambda n: EPOCH + dt.timedelta(days=n))
_LENGTHS = st.one_of(st.none(), st.sampled_from([1, 15, 29, 30, 31, 60]), st.integers(1, 300))
_MONEY = st.one_of(
    st.sampled_from([Decimal(n) for n in ("100", "100", "0", "33.33", "10.005", "-5", "999.99")]),
    st.integers(1, 99999).map(lambda n: Decimal(n) / 100),
)
_REASONS = st.sampled_from(["voluntary", "involuntary", "completed", "merged", "superseded", None])


@st.composite
def _subs(draw: st.DrawFn, account: str, currencies: tuple[str | None, ...]) -> tuple[Sub, ...]:
    """Subscriptions that follow each other, with gaps or without, and some beside them."""
    found: list[Sub] = []
    start: dt.date | None = draw(_DAYS)
    for number in range(draw(st.integers(1, 5))):
        if start is None or draw(st.integers(0, 3)) == 0:
            start = draw(_DAYS)
        length = draw(_LENGTHS)
        end = None if length is None else start + dt.timedelta(days=length)
        renews = draw(st.one_of(st.none(), st.integers(0, 90)))
        found.append(
            Sub(
                f"{account}s{number}", draw(st.sampled_from(["basic", "pro"])), start, end,
                draw(_REASONS) if end else None,
                None if renews is None else start + dt.timedelta(days=renews), draw(st.sampled_from([None, 1, 3, 12])),
                draw(_MONEY), draw(st.sampled_from(currencies)), draw(st.integers(0, 9)) == 0,
            )
        )  # fmt: skip
        gap = draw(st.sampled_from([0, 0, 1, 10, 29, 30, 31, 90]))
        start = end + dt.timedelta(days=gap) if end else None
    return tuple(found)


@st.composite
def _accounts(draw: st.DrawFn, name: str, currencies: tuple[str | None, ...]) -> Account:
    segments = [(EPOCH, draw(st.sampled_from(["big", "small"])))]
    if draw(st.booleans()):
        segments.append((draw(_DAYS), draw(st.sampled_from(["big", "small", "other"]))))
    hands = []
    for csm in draw(st.lists(st.sampled_from(["c1", "c2", "c3"]), unique=True, max_size=3)):
        start = draw(_DAYS)
        hands.append((csm, start, draw(st.one_of(st.none(), st.integers(0, 200).map(_after(start))))))
    exits = draw(
        st.lists(st.tuples(_DAYS, st.sampled_from(["bad_fit", "price"])), max_size=2, unique_by=lambda e: e[0])
    )
    return Account(
        name, draw(_subs(name, currencies)), tuple(segments), draw(st.sampled_from(["s1", "s2", ""])), tuple(hands),
        tuple(exits),
    )  # fmt: skip


def _after(start: dt.date) -> Any:
    return lambda days: start + dt.timedelta(days=days)


@st.composite
def companies(draw: st.DrawFn, most: int = 5) -> Company:
    """A company of up to so many accounts."""
    currencies = draw(st.sampled_from([("EUR",), ("EUR", "USD", "gbp", None), (None,)]))
    names = [f"A{n}" for n in range(draw(st.integers(1, most)))]
    grace = draw(st.sampled_from([30, 30, 0, 1, 10]))
    return Company(tuple(draw(_accounts(name, currencies)) for name in names), grace)
