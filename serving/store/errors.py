"""What keeps a store from answering, each as one plain sentence without any secret."""

from __future__ import annotations

from features.errors import TenureError

__all__ = ["StoreAbsentError", "StoreError", "StoreUnreachableError", "StoreVersionError"]


class StoreError(TenureError):
    """The store refused or could not do what was asked of it; nothing was changed."""


class StoreUnreachableError(StoreError):
    """The store does not answer now: stopped, unreachable, locked for too long, its disk full. Ask again."""


class StoreAbsentError(StoreError):
    """There is no store yet: nothing was ever written to this address."""


class StoreVersionError(StoreError):
    """The store was made by a later version of Tenure than this one."""
