"""The one exception that people read: a plain sentence saying what is wrong, where, and what to do."""


class TenureError(Exception):
    """Something the user can mend; its text is one plain sentence and never needs a traceback."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of it, in place of the traceback."""
        return [f"TenureError: {self}"]
