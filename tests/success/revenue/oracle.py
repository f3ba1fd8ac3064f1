"""The figures of a company, account by account and day by day in plain loops; shares no code with the pipeline."""

from __future__ import annotations

import calendar
import datetime as dt
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from tests.success.revenue.companies import DAYS, EPOCH, RATES, Account, Company, Sub

DAY = dt.timedelta(days=1)
ENDINGS = ("voluntary", "involuntary", "merged", "completed", "superseded")


class Life:
    """One account as known on a day: what it pays, to whom it belongs, and why it left."""

    def __init__(self, company: Company, account: Account, as_of: dt.date) -> None:
        self.account, self.as_of, self.grace = account, as_of, max(company.grace, 1)
        paid = [s for s in account.subs if not s.trial and s.start < as_of]
        self.subs = [s if s.end is not None and s.end < as_of else s._replace(end=None, reason=None) for s in paid]
        own = {s.currency.upper() for s in self.subs if s.currency}
        everybody = {
            s.currency.upper()
            for a in company.accounts
            for s in a.subs
            if s.currency and not s.trial and s.start < as_of
        }
        usual = own if len(own) == 1 else everybody if len(everybody) == 1 else {"EUR"}
        (self.usual,) = usual

    def cents_of(self, sub: Sub) -> int:
        money = sub.mrr * 100 * RATES[(sub.currency or self.usual).upper()]
        return int(money.quantize(Decimal(1), ROUND_HALF_UP))

    def running(self, day: dt.date) -> list[Sub]:
        return [s for s in self.subs if s.start <= day and (s.end is None or day < s.end)]

    def cents(self, day: dt.date) -> int:
        return sum(self.cents_of(s) for s in self.running(day))

    def group(self, by: str | None, day: dt.date) -> str:
        match by:
            case "plan":
                dearest = sorted(self.running(day), key=lambda s: (-self.cents_of(s), s.name))
                return dearest[0].plan
            case "seller":
                return self.account.seller
            case "cohort":
                first = min(s.start for s in self.subs)
                return f"{first.year}Q{(first.month + 2) // 3}"
            case "segment":
                known = sorted(v for v in self.account.segments if v[0] < self.as_of)
                return [segment for start, segment in known if start <= day or start == known[0][0]][-1]
            case "csm":
                held = [
                    (start, csm) for csm, start, end in self.account.hands
                    if start < self.as_of and start <= day and (end is None or end >= self.as_of or day < end)
                ]  # fmt: skip
                latest = max((start for start, _ in held), default=None)
                return min((csm for start, csm in held if start == latest), default="")
        return ""

    def returns_in_grace(self, gone: dt.date) -> bool:
        return any(self.running(gone + n * DAY) for n in range(self.grace) if gone + n * DAY < self.as_of)

    def ending(self, gone: dt.date) -> str:
        reasons = {s.reason or "voluntary" for s in self.subs if s.end == gone}
        return next(reason for reason in ENDINGS if reason in reasons)

    def last_paid_before(self, day: dt.date) -> dt.date | None:
        """The last day before a day on which a subscription ran."""
        days = [day - n * DAY for n in range(1, (day - EPOCH).days + 1)]
        return next((d for d in days if self.running(d)), None)

    def customer_after(self, day: dt.date) -> bool:
        """Whether it is a customer on a day or back within the grace of the end that came on or before it."""
        if self.running(day):
            return True
        last = self.last_paid_before(day)
        return last is not None and self.returns_in_grace(last + DAY)

    def movements(self, by: str | None) -> list[tuple[dt.date, str, str, int]]:
        """Day, group, movement, cents."""
        found, ever, left = [], False, None
        for n in range(DAYS + 800):
            day = EPOCH + n * DAY
            if day >= self.as_of:
                break
            before, now = self.running(day - DAY), self.running(day)
            was, pays = self.cents(day - DAY), self.cents(day)
            if before and not now:
                left = day
                name = "paused" if self.returns_in_grace(day) else self.ending(day)
                name = f"churn_{name}" if name in ENDINGS[:2] else "paused" if name == "paused" else "ended"
                found.append((day, self.group(by, day - DAY), name, -was))
            elif now:
                old, new = self.group(by, day - DAY) if before else "", self.group(by, day)
                if before and old != new:
                    found += [(day, old, "transferred_out", -was), (day, new, "transferred_in", was)]
                if pays > 0 and not ever:
                    name = "new"
                elif before or pays <= 0:
                    name = "expansion" if pays > was else "contraction"
                else:
                    assert left is not None
                    name = "resumed" if (day - left).days < self.grace else "reactivation"
                found.append((day, new, name, pays - was))
            ever = ever or pays > 0
        return [move for move in found if move[3]]

    def fate(self, until: dt.date) -> str:
        """What became of it by the day before a day."""
        if self.cents(until - DAY) > 0:
            return "kept"
        if self.running(until - DAY):
            return "free"
        last = self.last_paid_before(until)
        assert last is not None
        if self.returns_in_grace(last + DAY):
            return "paused"
        ending = self.ending(last + DAY)
        return f"churn_{ending}" if ending in ENDINGS[:2] else "ended"

    def bad_fit(self, until: dt.date) -> bool:
        """Whether it named a bad fit of the churn by which it left before a day."""
        last = self.last_paid_before(until)
        if last is None or not self.fate(until).startswith("churn"):
            return False
        first = last
        while (earlier := self.last_paid_before(first)) is not None and (first - earlier).days - 1 < self.grace:
            first = earlier
        following = [s.start for s in self.subs if s.start > last]
        return any(
            reason == "bad_fit" and first <= day < min(following, default=self.as_of) and day < self.as_of
            for day, reason in self.account.exits
        )

    def revenue(self, start: dt.date, until: dt.date) -> tuple[Fraction, Fraction, Fraction]:
        """Cents of revenue, of that what was paid on days of an MRR above 0, and the months of these."""
        total = paying = months = Fraction(0)
        for n in range((until - start).days):
            day = start + n * DAY
            part, cents = Fraction(1, calendar.monthrange(day.year, day.month)[1]), self.cents(day)
            total += part * cents
            if cents > 0:
                paying, months = paying + part * cents, months + part
        return total, paying, months

    def renewals(self, start: dt.date, until: dt.date) -> dict[tuple[dt.date, bool], tuple[bool, int, int]]:
        """By day and whether the term is a month: renewed, cents up a month, cents renewed."""
        found: dict[tuple[dt.date, bool], tuple[bool, int, int]] = {}
        for n in range((min(until, self.as_of) - start).days):
            day = start + n * DAY
            up = [s for s in self.subs if day in dates(s) and s.start < day and (s.end is None or day <= s.end)]
            renewed = self.customer_after(day)
            back = day
            while renewed and not self.running(back):
                back += DAY
            for monthly in {s.term == 1 for s in up}:
                kind = sorted((s for s in up if (s.term == 1) == monthly), key=lambda s: (-self.cents_of(s), s.name))
                both = len({s.term == 1 for s in up}) == 2
                value = 0
                for s in self.running(back) if renewed else ():
                    if s in kind and back == day:
                        value += self.cents_of(s) * (s.term or 0)
                    elif s.start >= day:
                        term = s.term or kind[0].term or 0
                        value += self.cents_of(s) * term if not both or (term == 1) == monthly else 0
                found[day, monthly] = (renewed, sum(self.cents_of(s) for s in kind), value)
        return found


def dates(sub: Sub) -> set[dt.date]:
    """All days on which a subscription is up for renewal, if it lasts."""
    if sub.term is None:
        return set()
    first = sub.renews or sub.start
    found = set()
    for n in range(0, 40, sub.term):
        month = first.month - 1 + n
        year, month = first.year + month // 12, month % 12 + 1
        found.add(dt.date(year, month, min(first.day, calendar.monthrange(year, month)[1])))
    return found


def lives(company: Company, as_of: dt.date) -> list[Life]:
    every = [Life(company, account, as_of) for account in company.accounts]
    return [life for life in every if life.subs]


def table(found: list[Life], by: str | None, start: dt.date, until: dt.date) -> dict[str, Counter[str]]:
    """By group, what MRR moved by on the days `[start, until)`, with opening and closing."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for life in found:
        for name, day in (("opening", start - DAY), ("closing", until - DAY)):
            if life.running(day):
                sums[life.group(by, day)][name] += life.cents(day)
        for day, group, name, cents in life.movements(by):
            if start <= day < until:
                sums[group][name] += cents
    return sums
