"""Sentiment: what the account's people say when they are asked, and whether they still answer."""

from features.algebra import Condition, Count, DaysSince, Latest, Mean, Minus, Ratio, Window
from features.catalogue.words import SPONSOR
from features.feature import Feature

__all__ = ["SENTIMENT"]

NPS = Condition("kind", "in", ("nps",))
ASKED = Condition("kind", "in", ("nps", "csat", "ces"))


def answers(days: int | None, *where: Condition, until: int = 0) -> Window:
    """A window of survey answers."""
    return Window("surveys", days=days, until=until, where=where)


SENTIMENT = (
    Feature(
        name="nps_latest",
        dimension="sentiment",
        measure=Latest(answers(365, NPS), "score"),
        unit="points of 10",
        show="number",
        sentence="The latest answer to the recommendation question was {value} of 10",
        missing="No answer to the recommendation question in the last year is on record",
        topic="nps",
        good="high",
        high=10,
        actionable=True,
    ),
    Feature(
        name="nps_mean_180d",
        dimension="sentiment",
        measure=Mean(answers(180, NPS), "score"),
        unit="points of 10",
        show="number",
        sentence="Answers to the recommendation question came to {value} of 10 on average in the last 180 days",
        missing="No answer to the recommendation question in the last 180 days is on record",
        topic="nps",
        good="high",
        high=10,
        actionable=True,
    ),
    Feature(
        name="nps_change_180d",
        dimension="sentiment",
        measure=Minus(Mean(answers(180, NPS), "score"), Mean(answers(180, NPS, until=180), "score")),
        unit="points of 10",
        show="difference",
        sentence="The mean answer to the recommendation question {value} against the 180 days before",
        missing="The recommendation question has no answers on record in the last 180 days, or none in the 180 before",
        topic="nps",
        good="high",
        low=-10,
        high=10,
        actionable=True,
    ),
    Feature(
        name="nps_promoter_share_365d",
        dimension="sentiment",
        measure=Ratio(Count(answers(365, NPS, Condition("score", "at least", (9,)))), Count(answers(365, NPS))),
        unit="share of answers",
        show="percent",
        sentence="{value} of the year's answers to the recommendation question were 9 or 10",
        missing="No answer to the recommendation question in the last year is on record",
        topic="nps",
        good="high",
        high=1,
        actionable=True,
    ),
    Feature(
        name="nps_detractor_share_365d",
        dimension="sentiment",
        measure=Ratio(Count(answers(365, NPS, Condition("score", "at most", (6,)))), Count(answers(365, NPS))),
        unit="share of answers",
        show="percent",
        sentence="{value} of the year's answers to the recommendation question were 6 or lower",
        missing="No answer to the recommendation question in the last year is on record",
        topic="nps",
        good="low",
        high=1,
        actionable=True,
    ),
    Feature(
        name="nps_sponsors_365d",
        dimension="sentiment",
        measure=Mean(answers(365, NPS, SPONSOR), "score"),
        unit="points of 10",
        show="number",
        sentence="Champions and decision makers averaged {value} of 10 on the recommendation question in the last year",
        missing="No champion's or decision maker's answer to the recommendation question in the last year is on record",
        topic="nps",
        good="high",
        high=10,
        actionable=True,
    ),
    Feature(
        name="days_since_survey",
        dimension="sentiment",
        # What CSMs note themselves is no sign of life from the account.
        measure=DaysSince(answers(None, ASKED)),
        unit="days",
        show="days",
        sentence="The last answer to any survey came {value} ago",
        missing="No answer to any survey is on record",
        topic="survey_silence",
        good="low",
        actionable=True,
    ),
    Feature(
        name="csat_mean_180d",
        dimension="sentiment",
        measure=Mean(answers(180, Condition("kind", "in", ("csat",))), "score"),
        unit="points of 5",
        show="number",
        sentence="Satisfaction surveys came to {value} of 5 on average in the last 180 days",
        missing="No answer to a satisfaction survey in the last 180 days is on record",
        good="high",
        low=1,
        high=5,
        actionable=True,
    ),
    Feature(
        name="ces_mean_180d",
        dimension="sentiment",
        measure=Mean(answers(180, Condition("kind", "in", ("ces",))), "score"),
        unit="points of 7",
        show="number",
        sentence="Effort surveys came to {value} of 7 on average in the last 180 days",
        missing="No answer to an effort survey in the last 180 days is on record",
        low=1,
        high=7,
        actionable=True,
    ),
    Feature(
        name="csm_pulse_latest",
        dimension="sentiment",
        measure=Latest(answers(180, Condition("kind", "in", ("csm_pulse",))), "score"),
        unit="points of 5",
        show="number",
        sentence="The CSM last put the account at {value} of 5",
        missing="No view of the account that its CSM noted in the last 180 days is on record",
        good="high",
        low=1,
        high=5,
        csm_controlled=True,
    ),
)
