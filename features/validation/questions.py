"""Questions: what is asked of two tables to find where they disagree, one SQL of the rows that do and one of all.

They look at temporary relations that `find_disagreements` makes: `_paid` (paid subscriptions), `_ends` (churns by the
subscriptions), `_reach` (one day: how far the history reaches) and `_usage_people` (usage by account and user).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from features.casting import quoted
from features.validation.report import Disagreement

__all__ = ["ENDS", "PAID", "QUESTIONS", "Question", "count_with_examples"]

EXAMPLES = 3

PAID = """
SELECT subscription_id, account_id, plan, started_on, ended_on, end_reason, notice_on, mrr, currency
FROM subscriptions WHERE NOT coalesce(trial, false) AND _bad_from IS NULL
"""
ENDS = """
SELECT account_id, ended_on, min(least(notice_on, ended_on)) AS noticed_on
FROM _paid AS e
WHERE ended_on <= (SELECT day FROM _reach) AND coalesce(end_reason, 'voluntary') IN ('voluntary', 'involuntary')
  AND NOT EXISTS (
    SELECT 1 FROM _paid AS p WHERE p.account_id = e.account_id AND p.started_on < e.ended_on + {grace}
      AND (p.ended_on IS NULL OR p.ended_on > e.ended_on))
GROUP BY account_id, ended_on
"""
"""Churns by the subscriptions: the ends that were not followed, within the grace period, by another subscription."""


@dataclass(frozen=True)
class Question:
    """What is asked of some tables.

    Parameters
    ----------
    bad : SQL whose rows disagree, each with a column `example`; `{grace}` stands for the days of grace.
    total : SQL whose rows are the ones that were asked about.
    """

    tables: tuple[str, ...]
    rule: str
    unit: str
    meaning: str
    bad: str
    total: str

    def answer(self, con: duckdb.DuckDBPyConnection, grace: int) -> Iterator[Disagreement]:
        count, examples = count_with_examples(con, self.bad.format(grace=grace))
        if count:
            of, _ = count_with_examples(con, f"SELECT '' AS example FROM ({self.total.format(grace=grace)})")
            yield Disagreement(self.tables, self.rule, count, of, self.unit, self.meaning, examples)


def count_with_examples(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, tuple[str, ...]]:
    row = con.execute(f"SELECT count(*), min(example, {EXAMPLES}) FROM ({sql})").fetchone()
    return (int(row[0]), tuple(row[1] or ())) if row else (0, ())


def _another_account(table: str, name: str) -> Question:
    """Rows of a table whose user belongs to other accounts only."""
    what = "'row ' || t._row || ': '"
    return Question(
        (table, "users"),
        "user of another account",
        f"{name} with a known user",
        "The user may work for both accounts, or one of the two account_ids is wrong; the row stays with its own "
        "account_id.",
        f"SELECT {what} || 'user ' || t.user_id || ' in account ' || t.account_id || ' belongs to ' || u.account_id "
        f"AS example FROM {quoted(table)} AS t JOIN (SELECT user_id, min(account_id) AS account_id, "
        "list(account_id) AS accounts FROM users GROUP BY user_id) AS u USING (user_id) "
        "WHERE NOT list_contains(u.accounts, t.account_id)",
        f"SELECT 1 FROM {quoted(table)} WHERE user_id IN (SELECT user_id FROM users)",
    )


QUESTIONS = (
    Question(
        ("subscriptions",),
        "two currencies in one account",
        "accounts",
        "Several currencies are never added, so the MRR of such an account means nothing; convert mrr to one currency "
        "in the mapping.",
        "SELECT account_id || ': ' || string_agg(DISTINCT currency, ', ' ORDER BY currency) AS example FROM _paid "
        "WHERE currency IS NOT NULL GROUP BY account_id HAVING count(DISTINCT currency) > 1",
        "SELECT DISTINCT account_id FROM _paid",
    ),
    Question(
        ("subscriptions",),
        "several currencies in one table",
        "subscriptions not in the commonest currency",
        "MRR is compared and added across accounts as it stands; convert mrr to one currency in the mapping, or train "
        "one currency at a time.",
        "SELECT account_id || ': subscription ' || subscription_id || ' is in ' || currency AS example FROM _paid "
        "WHERE currency <> (SELECT mode(currency ORDER BY currency) FROM _paid)",
        "SELECT 1 FROM _paid WHERE currency IS NOT NULL",
    ),
    Question(
        ("churns", "subscriptions"),
        "churned, but the subscription goes on",
        "rows of churns",
        "The label follows the subscriptions: these are no churns. Either ends are missing in subscriptions, or churns "
        "holds something else, such as notices or downgrades.",
        "SELECT c.account_id || ': churned on ' || c.churned_on || ', but subscription ' || min(p.subscription_id) "
        "|| ' goes on' AS example FROM churns AS c JOIN _paid AS p ON p.account_id = c.account_id "
        "AND p.started_on < c.churned_on + {grace} AND (p.ended_on IS NULL OR p.ended_on > c.churned_on + {grace}) "
        # One under notice goes on for a while, and churns may be dated by the notice.
        "AND coalesce(abs(p.notice_on - c.churned_on) > {grace}, true) GROUP BY c.account_id, c.churned_on, c._row",
        "SELECT 1 FROM churns",
    ),
    Question(
        ("churns", "subscriptions"),
        "churned, but subscriptions know no such end",
        "rows of churns",
        "No paid subscription goes on over that day, but none ended as a churn within the grace period of it either; "
        "compare the dates and the end_reason.",
        "SELECT c.account_id || ': churned on ' || c.churned_on || ', ' || coalesce('subscriptions end on ' || "
        "arg_min(e.ended_on, abs(e.ended_on - c.churned_on)), 'and no subscription ends as a churn') AS example "
        "FROM churns AS c LEFT JOIN _ends AS e ON e.account_id = c.account_id "
        "WHERE NOT EXISTS (SELECT 1 FROM _paid AS p WHERE p.account_id = c.account_id "
        "AND p.started_on < c.churned_on + {grace} AND (p.ended_on IS NULL OR p.ended_on > c.churned_on + {grace})) "
        "GROUP BY c.account_id, c.churned_on, c._row HAVING coalesce(min(least(abs(e.ended_on - c.churned_on), "
        "abs(e.noticed_on - c.churned_on))) > {grace}, true)",
        "SELECT 1 FROM churns",
    ),
    Question(
        ("subscriptions", "churns"),
        "ended as a churn, but churns does not know it",
        "churns by subscriptions",
        "The label follows the subscriptions: these are churns. Look whether such accounts moved to another "
        "subscription or account, or ended as completed or merged.",
        "SELECT e.account_id || ': its last subscription ended on ' || e.ended_on AS example FROM _ends AS e "
        "WHERE ended_on >= (SELECT min(churned_on) FROM churns) AND NOT EXISTS (SELECT 1 FROM churns AS c "
        "WHERE c.account_id = e.account_id AND (abs(c.churned_on - e.ended_on) <= {grace} "
        "OR abs(c.churned_on - e.noticed_on) <= {grace}))",
        "SELECT 1 FROM _ends WHERE ended_on >= (SELECT min(churned_on) FROM churns)",
    ),
    Question(
        ("subscriptions",),
        "superseded without a successor",
        "subscriptions ended as superseded",
        "Such an account is gone but counts as no churn; give the successor, or the reason for which it ended.",
        "SELECT account_id || ': subscription ' || subscription_id || ' ended on ' || ended_on AS example "
        "FROM _paid AS e WHERE end_reason = 'superseded' AND ended_on <= (SELECT day FROM _reach) "
        "AND NOT EXISTS (SELECT 1 FROM _paid AS p WHERE p.account_id = e.account_id "
        "AND p.started_on <= e.ended_on + {grace} AND (p.ended_on IS NULL OR p.ended_on > e.ended_on))",
        "SELECT 1 FROM _paid WHERE end_reason = 'superseded' AND ended_on IS NOT NULL",
    ),
    Question(
        ("subscriptions",),
        "ended without a reason",
        "ended subscriptions",
        "An end without end_reason counts as voluntary; an upgrade or a change of plan must say superseded.",
        "SELECT account_id || ': subscription ' || subscription_id || ' ended on ' || ended_on AS example FROM _paid "
        "WHERE ended_on IS NOT NULL AND end_reason IS NULL",
        "SELECT 1 FROM _paid WHERE ended_on IS NOT NULL",
    ),
    Question(
        ("subscriptions",),
        "a reason for an end without a day",
        "subscriptions that go on",
        "Without ended_on the subscription goes on and the reason is never seen.",
        "SELECT account_id || ': subscription ' || subscription_id || ' has end_reason ' || end_reason AS example "
        "FROM _paid WHERE ended_on IS NULL AND end_reason IS NOT NULL",
        "SELECT 1 FROM _paid WHERE ended_on IS NULL",
    ),
    Question(
        ("payments", "invoices"),
        "payment of an invoice that is not there",
        "payments",
        "The payments are kept, with the account that they name; invoices may reach back less far, write their ids in "
        "another way, or have been set aside themselves.",
        "SELECT 'row ' || _row || ': invoice ' || invoice_id || ' of account ' || account_id AS example FROM payments "
        "WHERE _bad_from IS NULL AND invoice_id NOT IN (SELECT invoice_id FROM invoices)",
        "SELECT 1 FROM payments WHERE _bad_from IS NULL",
    ),
    Question(
        ("invoices", "payments"),
        "paid, but every payment failed",
        "paid invoices with payments",
        "The invoice counts as paid; it may have been paid by a transfer that payments does not hold.",
        "SELECT i.account_id || ': invoice ' || i.invoice_id || ' was paid on ' || i.paid_on || ', and ' || count(*) "
        "|| ' payments failed' AS example FROM invoices AS i JOIN payments AS p USING (invoice_id) "
        "WHERE i.paid_on IS NOT NULL AND i._bad_from IS NULL AND p._bad_from IS NULL "
        "GROUP BY i.account_id, i.invoice_id, i.paid_on HAVING NOT bool_or(p.succeeded)",
        "SELECT DISTINCT invoice_id FROM invoices JOIN payments USING (invoice_id) WHERE paid_on IS NOT NULL",
    ),
    Question(
        ("invoices", "payments"),
        "a payment succeeded, but the invoice is not paid",
        "unpaid invoices with payments",
        "The invoice counts as overdue; paid_on may be missing, or the payment covered only a part.",
        "SELECT i.account_id || ': invoice ' || i.invoice_id || ' was paid by a payment of ' "
        "|| CAST(min(p.attempted_at) AS DATE) AS example FROM invoices AS i JOIN payments AS p USING (invoice_id) "
        "WHERE i.paid_on IS NULL AND i.voided_on IS NULL AND i._bad_from IS NULL AND p._bad_from IS NULL "
        "AND p.succeeded AND p.attempted_at < (SELECT max(attempted_at) FROM payments) - to_days(30) "
        "GROUP BY i.account_id, i.invoice_id",
        "SELECT DISTINCT invoice_id FROM invoices JOIN payments USING (invoice_id) "
        "WHERE paid_on IS NULL AND voided_on IS NULL",
    ),
    Question(
        ("subscriptions", "entitlements"),
        "a plan that entitlements does not know",
        "subscriptions",
        "What these plans include is unknown, so features about entitlements are missing for them; write the names of "
        "plans alike.",
        "SELECT 'plan ' || plan || ', as in subscription ' || subscription_id AS example FROM (SELECT *, row_number() "
        "OVER (PARTITION BY plan ORDER BY subscription_id) AS place FROM _paid "
        "WHERE plan NOT IN (SELECT plan FROM entitlements)) ORDER BY place",
        "SELECT 1 FROM _paid",
    ),
    Question(
        ("usage", "users"),
        "user of another account",
        "pairs of account and known user",
        "The user may work for both accounts, or one of the two account_ids is wrong; usage stays with its own "
        "account_id.",
        "SELECT 'user ' || t.user_id || ' in account ' || t.account_id || ' (' || t.rows || ' rows) belongs to ' || "
        "u.account_id AS example FROM _usage_people AS t JOIN (SELECT user_id, min(account_id) AS account_id, "
        "list(account_id) AS accounts FROM users GROUP BY user_id) AS u USING (user_id) "
        "WHERE NOT list_contains(u.accounts, t.account_id)",
        "SELECT 1 FROM _usage_people WHERE user_id IN (SELECT user_id FROM users)",
    ),
    Question(
        ("usage", "users"),
        "use by somebody who is not in users",
        "users seen in usage",
        "What users would say of them, such as the role, is missing.",
        "SELECT 'user ' || user_id || ' of account ' || min(account_id) AS example FROM _usage_people "
        "WHERE user_id IS NOT NULL AND user_id NOT IN (SELECT user_id FROM users) GROUP BY user_id",
        "SELECT DISTINCT user_id FROM _usage_people WHERE user_id IS NOT NULL",
    ),
    _another_account("tickets", "tickets"),
    _another_account("surveys", "surveys"),
)
