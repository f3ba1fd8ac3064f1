"""A large company for timing: its tables drawn in SQL by hashes, so that the same size is the same data."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb

__all__ = ["FIRST_DAY", "write_company"]

FIRST_DAY = dt.date(2023, 1, 1)
ROWS_A_USER_DAY = 3.5
USERS = 20  # an account
SHARE_ACTIVE = 0.05  # of the users, on a day


def _u(*parts: str) -> str:
    """SQL: a number in [0, 1) that depends on nothing but its parts."""
    return f"(hash({', '.join(parts)}) % 1000003) / 1000003.0"


def write_company(folder: Path, rows: int, days: int = 730) -> None:
    """Write a company whose usage table has about this many rows, one Parquet file a table, usage by month.

    Parameters
    ----------
    rows : usage rows; the number of accounts follows from it.
    days : days of history.
    """
    accounts = max(20, round(rows / (days * USERS * SHARE_ACTIVE * ROWS_A_USER_DAY)))
    folder.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(config={"threads": 2})
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET preserve_insertion_order = false")
    con.execute(f"CREATE TABLE a AS SELECT range AS n, format('A{{:07d}}', range) AS account_id FROM range({accounts})")
    first = f"DATE '{FIRST_DAY}'"
    for name, sql in _tables(first, days).items():
        con.execute(f"COPY ({sql}) TO '{folder / name}.parquet' (COMPRESSION zstd)")
    usage = folder / "usage"
    usage.mkdir(exist_ok=True)
    for start in range(0, days, 30):
        span = min(30, days - start)
        con.execute(f"COPY ({_usage(first, start, span)}) TO '{usage / f'{start:05d}'}.parquet' (COMPRESSION zstd)")
    con.close()


def _usage(first: str, start: int, span: int) -> str:
    return f"""
        SELECT account_id, {first} + CAST(d AS INTEGER) AS day,
               'feature_' || CAST(floor(30 * pow({_u("n", "u", "d", "k")}, 2)) AS INTEGER) AS feature,
               CAST(1 + floor(20 * {_u("n", "d", "u", "k", "'e'")}) AS BIGINT) AS events,
               format('U{{:07d}}_{{:02d}}', n, u) AS user_id,
               round(30 * {_u("n", "k", "u", "d", "'m'")}, 1) AS minutes
        FROM a, range({start}, {start + span}) AS days(d), range({USERS}) AS users(u), range(7) AS rows(k)
        WHERE {_u("n", "u", "d")} < {SHARE_ACTIVE} AND k < 1 + floor(6 * {_u("n", "u", "d", "'r'")})
        ORDER BY day, account_id
    """


def _tables(first: str, days: int) -> dict[str, str]:
    """SQL of every table but usage."""
    month = f"range(0, {days}, 30) AS months(m)"
    on = f"{first} + CAST(m AS INTEGER)"
    at = f"CAST({on} AS TIMESTAMP) + to_hours(9)"
    return {
        "accounts": f"""
            SELECT account_id, {first} - 400 AS created_on, account_id AS name,
                   ['smb', 'mid', 'enterprise'][1 + n % 3] AS segment,
                   ['retail', 'bank', 'health'][1 + n % 3] AS industry,
                   ['north', 'south'][1 + n % 2] AS region, 20 + n % 900 AS employees FROM a
        """,
        "users": f"""
            SELECT format('U{{:07d}}_{{:02d}}', n, u) AS user_id, account_id,
                   {first} - 300 + 25 * CAST(u AS INTEGER) AS created_on,
                   CASE u WHEN 0 THEN 'champion' WHEN 1 THEN 'decision_maker' ELSE 'member' END AS role,
                   ['sales', 'support', 'finance'][1 + u % 3] AS department,
                   CASE WHEN {_u("n", "u")} < 0.1 THEN {first} + 300 END AS deactivated_on
            FROM a, range({USERS}) AS users(u)
        """,
        "subscriptions": f"""
            SELECT format('S{{:07d}}_{{}}', n, i) AS subscription_id, account_id,
                   ['basic', 'pro'][1 + (n + i) % 2] AS plan,
                   {first} - 380 + CAST(i * 500 + (n % 40) AS INTEGER) AS started_on,
                   CASE WHEN i = 0 THEN {first} + CAST(120 + (n % 40) AS INTEGER)
                        WHEN {_u("n")} < 0.2 THEN {first} + CAST(300 + n % 400 AS INTEGER) END AS ended_on,
                   CASE WHEN i = 0 THEN 'superseded' WHEN {_u("n")} < 0.2 THEN 'voluntary' END AS end_reason,
                   12 AS term_months, 15 + n % 10 AS seats, CAST(500 + 100 * i + n % 1000 AS DECIMAL(18, 2)) AS mrr
            FROM a, range(2) AS terms(i)
        """,
        "entitlements": """
            SELECT plan, 'feature_' || f AS feature, f < 5 AS core, CASE WHEN f < 3 THEN 5000 END AS monthly_limit
            FROM (VALUES ('basic', 12), ('pro', 30)) AS plans(plan, n), range(30) AS features(f) WHERE f < n
        """,
        "milestones": f"""
            SELECT account_id, 'goal ' || i AS milestone, ['onboarding', 'live', 'goal'][1 + i] AS kind,
                   {first} + CAST(60 * i AS INTEGER) AS due_on,
                   CASE WHEN {_u("n", "i")} < 0.7 THEN {first} + CAST(60 * i + 10 AS INTEGER) END AS reached_on
            FROM a, range(3) AS kinds(i)
        """,
        "tickets": f"""
            SELECT format('T{{}}_{{}}', n, m) AS ticket_id, account_id, {at} AS opened_at,
                   ['low', 'high', 'urgent'][1 + (n + m) % 3] AS priority, 'bug' AS category,
                   {at} + to_hours(3) AS first_response_at, {at} + to_hours(CAST(n % 200 AS INTEGER)) AS resolved_at,
                   CASE WHEN n % 3 = 0 THEN 1 + n % 5 END AS csat, {at} + to_hours(300) AS csat_at
            FROM a, {month} WHERE {_u("n", "m", "'t'")} < 0.5
        """,
        "invoices": f"""
            SELECT format('I{{}}_{{}}', n, m) AS invoice_id, account_id, {on} AS issued_on, {on} + 30 AS due_on,
                   CAST(500 AS DECIMAL(18, 2)) AS amount,
                   CASE WHEN {_u("n", "m")} < 0.95 THEN {on} + CAST(20 + n % 15 AS INTEGER) END AS paid_on
            FROM a, {month}
        """,
        "payments": f"""
            SELECT format('I{{}}_{{}}', n, m) AS invoice_id, account_id, {at} + to_days(20) AS attempted_at,
                   {_u("n", "m")} < 0.95 AS succeeded,
                   CASE WHEN {_u("n", "m")} >= 0.95 THEN 'expired_card' END AS failure_reason
            FROM a, {month}
        """,
        "cards": f"SELECT account_id, {first} - 100 AS added_on, {first} + 700 AS expires_on FROM a",
        "surveys": f"""
            SELECT account_id, ['nps', 'csat', 'ces'][1 + (n + m) % 3] AS kind, {at} AS responded_at,
                   CAST(1 + (n + m) % 5 AS INTEGER) AS score, format('U{{:07d}}_00', n) AS user_id
            FROM a, {month} WHERE m % 90 = 0
        """,
        "touches": f"""
            SELECT account_id, 'c' || n % 40 AS csm_id, {at} AS occurred_at,
                   ['call', 'email', 'qbr'][1 + (n + m) % 3] AS kind,
                   'out' AS direction, n % 2 = 0 AS answered, 30 AS minutes, true AS proactive, 4 AS satisfaction
            FROM a, {month}
        """,
        "assignments": f"SELECT account_id, 'c' || n % 40 AS csm_id, {first} AS from_on FROM a",
        "advocacy": f"SELECT account_id, {first} + 200 AS occurred_on, 'review' AS kind FROM a WHERE n % 10 = 0",
    }
