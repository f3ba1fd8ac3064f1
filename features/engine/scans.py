"""Scans: readings of one table for all as_of days, each giving one row per day and account."""

from __future__ import annotations

from dataclasses import dataclass, field

from features.casting import quoted
from features.history import History

__all__ = ["AllTime", "Each", "Rows"]

DAYS = "_as_ofs"
"""The temporary table of as_of days."""

ROLES = (
    "LEFT JOIN _roles ON role_as_of = t.as_of AND role_account = CAST(t.account_id AS VARCHAR) "
    "AND role_user = CAST(t.user_id AS VARCHAR)"
)
"""Joins the role that the user of a row has as of its day."""
INCLUDED = (
    "JOIN _state USING (as_of, account_id) LEFT JOIN _included ON _included.as_of = t.as_of "
    "AND _included.plans = _state.plans AND _included.feature = t.feature"
)
"""Joins what the account's plans include of a feature as of the row's day."""


@dataclass
class Rows:
    """Aggregates over a table's visible rows; those of a bounded reach only, where all windows are bounded.

    Parameters
    ----------
    name : of the temporary table.
    table : of the contract, or a roll-up.
    bounded : whether all windows are.
    near, far : days before as_of between which the windows lie.
    roles : whether a condition asks for the role of the row's user.
    columns : name by the SQL of the aggregate.
    """

    name: str
    table: str
    bounded: bool
    near: int = 10**6
    far: int = 0
    roles: bool = False
    columns: dict[str, str] = field(default_factory=dict)

    def add(self, aggregate: str) -> str:
        """The column, in the outer query, of an aggregate; equal ones are computed once."""
        return f"{self.name}.{self.columns.setdefault(aggregate, f'v{len(self.columns)}')}"

    def sql(self, history: History) -> str:
        """One statement that reads the table once."""
        reach = (self.near, self.far) if self.bounded else None
        listed = ", ".join(f"{sql} AS {name}" for sql, name in self.columns.items())
        return (
            f"SELECT t.as_of, CAST(t.account_id AS VARCHAR) AS account_id, {listed} "
            f"FROM {history.visible_on(self.table, DAYS, reach)} AS t {ROLES if self.roles else ''} GROUP BY ALL"
        )


@dataclass
class OfRoles(Rows):
    """The last use by people who have certain roles as of a day.

    Parameters
    ----------
    of_roles : the roles that conditions ask for; who never had one, in any version, cannot have it on a day.
    """

    of_roles: set[str] = field(default_factory=set)

    def sql(self, history: History) -> str:
        """One statement that reads the roll-up once: each person's last use, and whether the role holds then."""
        listed = ", ".join(f"{sql} AS {name}" for sql, name in self.columns.items())
        roles = ", ".join("'" + role.replace("'", "''") + "'" for role in sorted(self.of_roles))
        return f"""
            SELECT t.as_of, CAST(t.account_id AS VARCHAR) AS account_id, {listed} FROM (
                SELECT as_of, account_id, user_id, _event FROM (
                    SELECT since, account_id, user_id, max(_event) AS _event
                    FROM {history.visible_since(self.table, DAYS)}
                    WHERE CAST(user_id AS VARCHAR) IN (SELECT user_id FROM users WHERE role IN ({roles}))
                    GROUP BY ALL
                ) JOIN {DAYS} ON since <= as_of
            ) AS t {ROLES} GROUP BY ALL
        """


_COMBINED = {"max": "max", "min": "min", "sum": "sum", "count": "sum"}
"""How parts of an aggregate make the whole."""


@dataclass
class AllTime(Rows):
    """Aggregates over all of a roll-up: each row is read once, into the first day that sees it, and later days add up
    what earlier ones found."""

    def sql(self, history: History) -> str:
        """One statement that reads the roll-up once."""
        inner = ", ".join(f"{sql} AS {name}" for sql, name in self.columns.items())
        outer = ", ".join(f"{_COMBINED[sql.partition('(')[0]]}({name}) AS {name}" for sql, name in self.columns.items())
        return (
            f"SELECT d.as_of, CAST(account_id AS VARCHAR) AS account_id, {outer} "
            f"FROM (SELECT since, account_id, {inner} FROM {history.visible_since(self.table, DAYS)} GROUP BY ALL) "
            f"JOIN {DAYS} AS d ON since <= d.as_of GROUP BY ALL"
        )


@dataclass
class Each:
    """Counts of an account's users, or of product features, by what is known of each one; no COUNT DISTINCT.

    Who was active in the w days before a day was last seen in them: one latest day for each answers every window
    that ends alike.

    Parameters
    ----------
    item : user_id or feature.
    each, columns : name by SQL, of what is known of each one and of what is counted over them.
    included : whether a condition asks what the account's plans include.
    """

    name: str
    table: str
    item: str
    bounded: bool
    near: int = 10**6
    far: int = 0
    roles: bool = False
    included: bool = False
    each: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)

    def know(self, aggregate: str) -> str:
        """The name of something known of each one."""
        return self.each.setdefault(aggregate, f"e{len(self.each)}")

    def add(self, aggregate: str) -> str:
        """The column, in the outer query, of a count."""
        return f"{self.name}.{self.columns.setdefault(aggregate, f'v{len(self.columns)}')}"

    def sql(self, history: History) -> str:
        """One statement that reads the roll-up once."""
        reach = (self.near, self.far) if self.bounded else None
        item = quoted(self.item)
        each = ", ".join(f"{sql} AS {name}" for sql, name in self.each.items())
        counts = ", ".join(f"{sql} AS {name}" for sql, name in self.columns.items())
        joins = " ".join([ROLES] * self.roles + [INCLUDED] * self.included)
        return f"""
            SELECT t.as_of, t.account_id, {counts} FROM (
                SELECT as_of, CAST(account_id AS VARCHAR) AS account_id, CAST({item} AS VARCHAR) AS {item},
                       COLUMNS('^e[0-9]+$')
                FROM (
                    SELECT as_of, account_id, {item}, {each}
                    FROM {history.visible_on(self.table, DAYS, reach)} GROUP BY as_of, account_id, {item}
                )
            ) AS t {joins} GROUP BY t.as_of, t.account_id
        """
