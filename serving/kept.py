"""Kept: rows of one run as they were answered, the least recently used thrown away first; bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["Kept"]


class Kept:
    """Rows of one run by account and number of drivers, each with its CSM. For one thread, that of the event loop.

    Parameters
    ----------
    limit : bytes of the rows together, at most.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._kept: OrderedDict[tuple[str, int], tuple[str | None, bytes]] = OrderedDict()

    def get(self, account_id: str, explain: int) -> tuple[str | None, bytes] | None:
        key = (account_id, explain)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, account_id: str, explain: int, csm_id: str | None, body: bytes) -> None:
        key = (account_id, explain)
        before = self._kept.pop(key, None)
        self._size += len(body) - (len(before[1]) if before else 0)
        self._kept[key] = (csm_id, body)
        while self._size > self._limit and self._kept:
            self._size -= len(self._kept.popitem(last=False)[1][1])
