"""Endpoints on what was earned: a request and its caller in; the kept report of a period, cut to that caller, out."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from serving.access import Caller
from serving.answers import encode
from serving.bodies import MAX_SMALL_BODY, quoted, read_body
from serving.endpoints import book_of, json_response
from serving.latest import Latest
from serving.money_requests import RevenueRequest, RoiRequest
from serving.problems import ProblemError
from serving.reports import bound_revenue, bound_roi, named_accounts, revenue_document, roi_document
from serving.store.holders import last_seen
from serving.store.reports import Report, report_of, told_periods
from serving.store.store import Store

__all__ = ["MoneyEndpoints"]

_MOST_PERIODS = 40
"""Periods that a refusal names: those of ten years of quarters."""


class MoneyEndpoints:
    """The endpoints that tell the reports which `tenure roi` has kept; the service itself has no history."""

    def __init__(self, latest: Latest) -> None:
        self._latest = latest

    async def roi(self, request: Request, caller: Caller | None) -> Response:
        asked = RoiRequest.parse(await read_body(request, MAX_SMALL_BODY))
        bound, store = book_of(caller), await self._latest.store()
        if bound is not None:
            (await self._latest.now()).scored()  # without a scored day nobody can tell who holds what today

        def answer() -> bytes:
            report = _report(store, "roi", asked.period)
            wanted = asked.csm_id or bound
            told = None
            if bound is None:
                told = roi_document(report, wanted)
            elif wanted == bound:  # another CSM is told of as one that is not there
                told = bound_roi(report, bound, last_seen(store, named_accounts(report)))
            if told is None:
                raise _unknown_csm(report, wanted)
            request.state.told = {"rows": len(told["csms"])}
            return encode(told)

        return json_response(await self._latest.ask(answer))

    async def revenue(self, request: Request, caller: Caller | None) -> Response:
        asked = RevenueRequest.parse(await read_body(request, MAX_SMALL_BODY))
        bound, store = book_of(caller), await self._latest.store()

        def answer() -> bytes:
            if bound is None:
                told = revenue_document(_report(store, "revenue", asked.period, asked.by or ""))
            else:
                told = _of_book(_report(store, "revenue", asked.period, "csm"), bound, asked.by)
            request.state.told = {"rows": len(told["groups"])}
            return encode(told)

        return json_response(await self._latest.ask(answer))


def _report(store: Store, kind: str, period: str, by: str = "") -> Report:
    """The report of a period.

    Raises
    ------
    ProblemError : 404, there is none.
    """
    found = report_of(store, kind, period, by)
    if found is not None:
        return found
    periods = told_periods(store, kind)[:_MOST_PERIODS]
    by_what = f" by {by}" if by else ""
    detail = f"There is no report on {period}{by_what}; run `tenure roi DIR --period {period}` to make one."
    raise ProblemError(404, "no-report", detail, members={"periods": periods})


def _unknown_csm(report: Report, csm_id: str | None) -> ProblemError:
    name = quoted(csm_id or "")
    detail = f'The report on {report.period} has no CSM {name}; leave "csm_id" out for all that it has.'
    return ProblemError(404, "unknown-csm", detail)


def _of_book(report: Report, csm_id: str, by: str | None) -> dict[str, Any]:
    """The revenue of one book.

    Raises
    ------
    ProblemError : 404, it is asked for by something that goes through all books, or there is none of it.
    """
    if by not in (None, "csm"):
        detail = 'Revenue of one book is told by CSM; leave "by" out, or send a token that is not bound to a book.'
        raise ProblemError(404, "no-report", detail)
    told = bound_revenue(report, csm_id)
    if told is None:
        detail = f"The report on {report.period} has no revenue of this book; ask for another period."
        raise ProblemError(404, "no-report", detail)
    return told
