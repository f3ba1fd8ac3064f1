"""Words: windows and conditions that several dimensions of the catalogue share."""

from features.algebra import Condition, Window

__all__ = ["BEFORE", "EVER", "MONTH", "QUARTER", "REGISTERED", "SPONSOR", "STAYING", "WEEK", "used"]


def used(days: int | None = None, until: int = 0, where: tuple[Condition, ...] = (), whole: bool = False) -> Window:
    """A window of real use: a feed that writes a row of 0 for everybody every day must not look like use."""
    return Window("usage", days=days, until=until, where=(Condition("events", "at least", (1,)), *where), whole=whole)


EVER = used()
WEEK = used(7)
MONTH = used(28)
BEFORE = used(28, until=28)
QUARTER = used(84)

REGISTERED = Condition("user_id", "role")
SPONSOR = Condition("user_id", "role", ("champion", "decision_maker"))
STAYING = Condition("deactivated_on", "empty", needed=False)
