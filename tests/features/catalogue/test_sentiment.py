"""Sentiment on literal tables; the day is 2024-06-30, the company around them is that of conftest.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from features.catalogue.sentiment import SENTIMENT

NPS = {
    "surveys": """
        account_id, kind, responded_at,     score
        A,          nps,  2024-06-30 00:00, 0
        A,          nps,  2024-06-20 08:00, 7
        A,          nps,  2024-06-20 08:00, 6
        A,          nps,  2024-01-02 00:00, 9
        A,          nps,  2024-01-01 00:00, 4
        A,          nps,  2023-07-06 00:00, 10
        A,          nps,  2023-07-05 00:00, 8
        A,          nps,  2023-07-01 00:00, 9
        A,          nps,  2023-07-01 00:00, 2
        A,          nps,  2023-06-30 00:00, 1
        A,          nps,  2023-06-30 00:00, 10
        A,          csat, 2023-12-01 00:00, 1
        A,          csat, 2024-06-21 00:00, 5
        B,          nps,  2024-06-29 23:59, 6
        """
}
"""The last 180 days hold 7, 6 and 9, the 180 before 4 and 10, the year 7, 6, 9, 4, 10, 8, 9 and 2."""

BY_ROLE = {
    "surveys": """
        account_id, kind, responded_at, score, user_id
        A,          nps,  2024-06-29,   10,    u1
        A,          nps,  2023-07-01,   7,     u2
        A,          nps,  2024-06-29,   1,     u3
        A,          nps,  2024-06-29,   2,
        A,          nps,  2023-06-30,   3,     u1
        A,          csat, 2024-06-29,   4,     u1
        B,          nps,  2024-06-29,   8,     u4
        """,
    "users": """
        user_id, account_id, created_on, role
        u1,      A,          2023-01-01, champion
        u2,      A,          2023-01-01, decision_maker
        u3,      A,          2023-01-01, member
        u4,      B,          2023-01-01, member
        """,
}

OLD = {"surveys": "account_id, kind, responded_at, score\nB, nps, 2023-07-01, 5\nC, nps, 2023-06-30, 5"}

LAST = {
    "surveys": """
        account_id, kind,      responded_at, score
        A,          nps,       2024-06-20,   5
        A,          csm_pulse, 2024-06-10,   3
        B,          csat,      2024-06-10,   5
        C,          ces,       2024-05-31,   5
        """
}

KINDS = {
    "surveys": """
        account_id, kind,      responded_at,     score
        A,          csat,      2024-06-30 00:00, 1
        A,          csat,      2024-06-25 23:00, 5
        A,          csat,      2024-01-02 00:00, 2
        A,          csat,      2024-01-01 00:00, 1
        A,          ces,       2024-06-01 00:00, 7
        A,          ces,       2024-01-02 00:00, 4
        A,          ces,       2024-01-01 00:00, 1
        A,          nps,       2023-07-01 00:00, 10
        A,          nps,       2023-06-30 00:00, 10
        A,          csm_pulse, 2024-06-29 00:00, 2
        A,          csm_pulse, 2024-01-02 00:00, 5
        B,          csm_pulse, 2024-01-02 00:00, 4
        C,          csm_pulse, 2024-01-01 00:00, 4
        """
}
"""What a CSM notes (csm_pulse) is no answer of the account: its last one came 5 days ago."""

CASES = [
    ("nps_latest", NPS, {"A": 7, "B": 6, "C": None}),
    ("nps_latest", OLD, {"B": 5, "C": None}),
    ("nps_mean_180d", NPS, {"A": (7 + 6 + 9) / 3, "B": 6, "C": None}),
    ("nps_change_180d", NPS, {"A": (7 + 6 + 9) / 3 - (4 + 10) / 2, "B": None, "C": None}),
    ("nps_promoter_share_365d", NPS, {"A": 3 / 8, "B": 0, "C": None}),
    ("nps_detractor_share_365d", NPS, {"A": 3 / 8, "B": 1, "C": None}),
    ("nps_sponsors_365d", BY_ROLE, {"A": (10 + 7) / 2, "B": None, "C": None}),
    ("nps_sponsors_365d", NPS, {"A": None}),
    ("days_since_survey", KINDS, {"A": 5, "B": None, "C": None}),
    ("days_since_survey", LAST, {"A": 10, "B": 20, "C": 30}),
    ("csat_mean_180d", KINDS, {"A": (5 + 2) / 2, "B": None}),
    ("ces_mean_180d", KINDS, {"A": (7 + 4) / 2, "B": None}),
    ("csm_pulse_latest", KINDS, {"A": 2, "B": 4, "C": None}),
    ("csm_pulse_latest", LAST, {"A": 3, "B": None}),
]


@pytest.mark.parametrize(("name", "tables", "wanted"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_sentiment(
    name: str, tables: dict[str, str], wanted: dict[str, float | None], check: Callable[..., None]
) -> None:
    check(name, tables, wanted)


def test_every_feature_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == {feature.name for feature in SENTIMENT}
