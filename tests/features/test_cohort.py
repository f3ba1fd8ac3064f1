"""Who is scored at a day: an active paid subscription, no notice given, not inside the grace period."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from features.build import build_features
from features.cohort import account_statuses
from features.history import History

DAY = dt.date(2024, 3, 1)
USAGE = "account_id, day, feature, events\nnew, 2024-02-29, report, 1"
HEAD = (
    "subscription_id, account_id, plan, mrr, started_on, ended_on, end_reason, notice_on, trial, "
    "ended_on_recorded_at, recorded_at, notice_withdrawn_on"
)
# account, status on 2024-03-01, its subscriptions from started_on on
ACCOUNTS = [
    ("plain", "ok", ["2024-01-01, , , , , ,"]),
    ("new", "ok", ["2024-02-29, , , , , ,"]),
    ("starts on the day", "insufficient_data", ["2024-03-01, , , , , ,"]),
    ("recorded on the day", "insufficient_data", ["2024-01-01, , , , , , 2024-03-01"]),
    ("recorded the day before", "ok", ["2024-01-01, , , , , , 2024-02-29 23:59"]),
    ("ended the day before", "churned", ["2024-01-01, 2024-02-29, voluntary, , , ,"]),
    ("ends on the day", "ok", ["2024-01-01, 2024-03-01, voluntary, , , ,"]),
    ("ends on the day as recorded before", "notice_given", ["2024-01-01, 2024-03-01, voluntary, , , 2024-01-01,"]),
    ("will end", "ok", ["2024-01-01, 2024-05-01, voluntary, , , ,"]),
    ("will end as recorded before", "notice_given", ["2024-01-01, 2024-05-01, voluntary, , , 2024-02-29,"]),
    ("will end unpaid as recorded before", "notice_given", ["2024-01-01, 2024-05-01, involuntary, , , 2024-02-29,"]),
    ("will change terms as recorded before", "ok", ["2024-01-01, 2024-05-01, superseded, , , 2024-02-29,"]),
    ("ended as recorded later", "ok", ["2024-01-01, 2024-02-01, voluntary, , , 2024-03-01,"]),
    ("gave notice", "notice_given", ["2024-01-01, , , 2024-02-29, , ,"]),
    ("gives notice on the day", "ok", ["2024-01-01, , , 2024-03-01, , ,"]),
    ("gave notice for one of two", "ok", ["2024-01-01, , , 2024-02-01, , ,", "2024-01-01, , , , , ,"]),
    ("gave notice for both of two", "notice_given", ["2024-01-01, , , 2024-02-01, , ,"] * 2),
    ("gave notice for the paid one", "notice_given",
     ["2024-01-01, , , 2024-02-01, , ,", "2024-01-01, , , , true, ,"]),
    ("withdrew the notice", "ok", ["2024-01-01, , , 2024-02-01, , , , 2024-02-29"]),
    ("withdraws the notice on the day", "notice_given", ["2024-01-01, , , 2024-02-01, , , , 2024-03-01"]),
    ("withdrew the notice as soon as it was given", "ok", ["2024-01-01, , , 2024-02-01, , , , 2024-02-01"]),
    ("withdrew the notice but an end was recorded", "notice_given",
     ["2024-01-01, 2024-05-01, voluntary, 2024-02-01, , 2024-02-20, , 2024-02-10"]),
    ("withdrew one of two notices", "ok",
     ["2024-01-01, , , 2024-02-01, , ,", "2024-01-01, , , 2024-02-01, , , , 2024-02-29"]),
    ("on trial", "insufficient_data", ["2024-01-01, , , , true, ,"]),
    ("paid after a trial", "ok", ["2024-01-01, 2024-02-01, completed, , true, ,", "2024-02-01, , , , false, ,"]),
    ("gone and now on trial", "churned", ["2023-01-01, 2024-02-01, voluntary, , , ,", "2024-02-01, , , , true, ,"]),
    ("in the grace period", "churned", ["2023-01-01, 2024-02-20, voluntary, , , ,"]),
    ("changed terms the day before", "ok",
     ["2023-01-01, 2024-02-29, superseded, , , ,", "2024-02-29, , , , , ,"]),
    ("changes terms on the day", "ok", ["2023-01-01, 2024-03-01, superseded, , , ,", "2024-03-01, , , , , ,"]),
    ("back", "ok", ["2022-01-01, 2022-02-20, voluntary, , , ,", "2024-02-20, , , , , ,"]),
    ("lost one of two", "ok", ["2022-01-01, 2024-02-20, voluntary, , , ,", "2023-01-01, , , , , ,"]),
    ("never bought", "insufficient_data", []),
]  # fmt: skip


def _full(periods: list[str]) -> list[str]:
    """Each with all its columns, of which the last ones are mostly empty."""
    return [period + "," * (7 - period.count(",")) for period in periods]


def _tables() -> dict[str, str]:
    lines = [HEAD]
    for name, _, periods in ACCOUNTS:
        lines += [f"{name} {n}, {name}, pro, 10, {period}" for n, period in enumerate(_full(periods))]
    accounts = "account_id, created_on\n" + "".join(f"{name}, 2022-01-01\n" for name, _, _ in ACCOUNTS)
    return {"accounts": accounts, "subscriptions": "\n".join(lines), "usage": USAGE}


def test_the_status_of_each_account(open_tables: Callable[..., History]) -> None:
    history = open_tables(_tables())
    assert history.report.failing == {}
    found = account_statuses(history, DAY)
    statuses = dict(zip(found["account_id"], found["status"], strict=True))
    assert statuses == {name: status for name, status, _ in ACCOUNTS}
    assert list(found["account_id"]) == sorted(statuses)


def test_features_are_of_the_cohort_and_no_other(open_tables: Callable[..., History]) -> None:
    rows = build_features(open_tables(_tables()), [DAY])
    assert list(rows["account_id"]) == sorted(name for name, status, _ in ACCOUNTS if status == "ok")


def test_an_account_that_nobody_knew_is_not_there(open_tables: Callable[..., History]) -> None:
    tables = _tables()
    tables["accounts"] = tables["accounts"].replace("account_id, created_on", "account_id, created_on, recorded_at")
    tables["accounts"] = tables["accounts"].replace("plain, 2022-01-01", "plain, 2022-01-01, 2024-03-01")
    tables["accounts"] = tables["accounts"].replace("2022-01-01\n", "2022-01-01,\n")
    history = open_tables(tables)
    assert "plain" not in set(account_statuses(history, DAY)["account_id"])
    assert "plain" in set(account_statuses(history, DAY + dt.timedelta(days=1))["account_id"])


def test_an_account_is_in_the_book_of_whoever_was_known_to_look_after_it(open_tables: Callable[..., History]) -> None:
    # account, csm on 2024-03-01, its assignments: csm, from_on, to_on, to_on_recorded_at, recorded_at
    books = [
        ("nobody", None, []),
        ("began the day before", "c1", ["c1, 2024-02-29, , ,"]),
        ("begins on the day", None, ["c1, 2024-03-01, , ,"]),
        ("will begin as recorded before", None, ["c1, 2024-04-01, , , 2024-02-01"]),
        ("began as recorded on the day", None, ["c1, 2024-01-01, , , 2024-03-01"]),
        ("ended the day before", None, ["c1, 2024-01-01, 2024-02-29, ,"]),
        ("ends on the day", "c1", ["c1, 2024-01-01, 2024-03-01, ,"]),
        ("will end as recorded before", "c1", ["c1, 2024-01-01, 2024-05-01, 2024-01-02,"]),
        ("handed over", "c2", ["c1, 2024-01-01, 2024-02-10, ,", "c2, 2024-02-10, , ,"]),
        ("will be handed over", "c1", ["c1, 2024-01-01, 2024-03-01, ,", "c2, 2024-03-01, , ,"]),
        ("the later of two", "c1", ["c2, 2024-01-01, , ,", "c1, 2024-01-15, , ,"]),
        ("the first by name of two at once", "c1", ["c2, 2024-01-01, , ,", "c1, 2024-01-01, , ,"]),
    ]
    head = "account_id, csm_id, from_on, to_on, to_on_recorded_at, recorded_at"
    tables = {
        "accounts": "account_id, created_on\n" + "".join(f'"{name}", 2022-01-01\n' for name, _, _ in books),
        "subscriptions": f"{HEAD}\n" + "".join(f'{n}, "{b[0]}", pro, 10, 2024-01-01, , , , , , ,\n'
                                              for n, b in enumerate(books)),
        "usage": "account_id, day, feature, events\nnobody, 2024-02-29, report, 1",
        "assignments": "\n".join([head, *(f'"{name}", {row}' for name, _, rows in books for row in rows)]),
    }  # fmt: skip
    history = open_tables(tables)
    assert history.report.failing == {}
    found = account_statuses(history, DAY)
    owners = {name: csm if isinstance(csm, str) else None
              for name, csm in zip(found["account_id"], found["csm_id"], strict=True)}  # fmt: skip
    assert owners == {name: csm for name, csm, _ in books}
    del tables["assignments"]
    assert account_statuses(open_tables(tables), DAY)["csm_id"].isna().all()
