"""Practice: what a team may set of its own way of working, and one plain sentence for everything else."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from features.alert_rules import AlertRule, ArmSettings, WebhookSettings
from features.catalogue import CATALOGUE
from features.errors import TenureError
from features.feature import DIMENSIONS
from features.plays import DEFAULT_PLAYS, Plays
from features.practice import (
    AdvocateSettings,
    CallSettings,
    GrowthSettings,
    HealthSettings,
    ScorecardRule,
    StageSettings,
)
from features.settings import Settings, TrainingSettings, load_settings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "config.md").read_text(encoding="utf-8")
TOPICS = list(dict.fromkeys(feature.driver for feature in CATALOGUE))


def _load(folder: Path, text: str) -> Settings:
    file = folder / "tenure.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def test_defaults_are_the_designs() -> None:
    settings = Settings()
    assert settings.health == HealthSettings(10.0, ("red", "yellow", "green"), (40.0, 55.0))
    assert settings.stages == StageSettings(90, 90, 0.10)
    assert settings.calls == CallSettings(None, 2.0, None, 1.0, 0.5)
    assert settings.growth == GrowthSettings(0.8, 0.9, 3, 45.0)
    assert settings.advocates == AdvocateSettings(60.0, 9.0, 180)
    assert settings.arms == ArmSettings(("control",))
    assert settings.webhook == WebhookSettings(None, "TENURE_WEBHOOK_SECRET", 8, 5.0)
    assert settings.alerts == (
        AlertRule("Billing health fell", "health_billing", below=40, for_days=7, clear=45),
        AlertRule("The odds of leaving doubled", "odds_of_leaving", times=2, clear=1.5),
    )
    assert dict(settings.plays.mapping) == dict(DEFAULT_PLAYS)


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    settings = _load(
        tmp_path,
        """
        [health]
        points_to_double = 20
        bands = ["poor", "good"]
        edges = [50]
        [stages]
        onboarding_days = 30
        renewal_days = 0
        expansion_growth = 0.5
        [calls]
        capacity = 12
        high_risk = 1.5
        high_value = 800
        strategic_weight = 2
        involuntary_share = 1.0
        [growth]
        limit_share = 0.5
        seats_share = 1
        new_users = 10
        least_health = 0
        [advocates]
        least_health = 70.5
        least_nps = 8
        rest_days = 0
        [plays]
        cards = "Ask for a card"
        nps = false
        [[alerts]]
        name = "Fell"
        when = "churn_180d"
        above = 0.5
        clear = 0.4
        for_days = 3
        segments = ["smb"]
        stages = ["renewal"]
        play = "Call"
        [arms]
        control = ["holdout", "late"]
        [webhook]
        url = "http://localhost:9000/x?y=a@b"
        secret_env = "MY_SECRET"
        attempts = 1
        timeout_seconds = 1
        """,
    )
    assert settings.health == HealthSettings(20, ("poor", "good"), (50,))
    assert settings.stages == StageSettings(30, 0, 0.5)
    assert settings.calls == CallSettings(12, 1.5, 800, 2, 1.0)
    assert settings.growth == GrowthSettings(0.5, 1, 10, 0)
    assert settings.advocates == AdvocateSettings(70.5, 8, 0)
    assert settings.arms == ArmSettings(("holdout", "late"))
    assert settings.webhook == WebhookSettings("http://localhost:9000/x?y=a@b", "MY_SECRET", 1, 1)
    assert settings.alerts == (
        AlertRule("Fell", "churn_180d", above=0.5, clear=0.4, for_days=3, segments=("smb",), stages=("renewal",),
                  play="Call"),
    )  # fmt: skip
    assert settings.plays.play_for("cards", "billing") == "Ask for a card"
    assert settings.plays.play_for("nps", "sentiment") is None
    assert settings.plays.play_for("overdue", "billing") == DEFAULT_PLAYS["overdue"]
    assert _load(tmp_path, "alerts = []\n").alerts == ()


@pytest.mark.parametrize("section", ["health", "stages", "calls", "growth", "advocates", "plays", "arms", "webhook"])
def test_an_empty_section_is_its_defaults(section: str, tmp_path: Path) -> None:
    assert _load(tmp_path, f"[{section}]\n") == Settings()


def test_a_weeks_calls_are_those_of_training_unless_said_otherwise() -> None:
    training = TrainingSettings(capacity=40)
    assert Settings(training=training).weekly_calls == 40
    assert Settings(training=training, calls=CallSettings(capacity=7)).weekly_calls == 7


ALERT = "[[alerts]]\nname = 'a'\nwhen = 'health'\nbelow = 40\n"
RULE = "[[scorecard.rules]]\nworst = 0\nbest = 1\n"
REFUSED = {
    "[helth]\n": "did you mean health",
    "[health]\nband = ['a', 'b']\n": "did you mean bands",
    "[health]\nxyzzy = 1\n": "no such setting",
    "[health]\npoints_to_double = 0\n": "points_to_double = 0 must be between 0.1 and 100",
    "[health]\npoints_to_double = nan\n": "points_to_double",
    "[health]\npoints_to_double = true\n": "must be a number",
    "[health]\nbands = ['red']\n": "bands",
    "[health]\nbands = ['red', 'red', 'green']\n": "bands",
    "[health]\nbands = ['red', ' ', 'green']\n": "bands",
    "[health]\nbands = [1, 2, 3]\n": "list of texts",
    "[health]\nbands = ['a', 'b']\n": "must be 1 number between 0 and 100",
    "[health]\nedges = [55.0, 40.0]\n": "2 numbers .* ascending",
    "[health]\nedges = [40, 100]\n": "edges",
    "[health]\nedges = 40\n": "list of numbers",
    "[stages]\nonboarding_days = -1\n": "onboarding_days",
    "[stages]\nonboarding_days = 10.5\n": "whole number",
    "[stages]\nrenewal_days = 4000\n": "renewal_days",
    "[stages]\nexpansion_growth = 0\n": "expansion_growth",
    "[calls]\ncapacity = 0\n": "capacity = 0 must be between 1 and 100000",
    "[calls]\nhigh_risk = inf\n": "high_risk",
    "[calls]\nhigh_value = -1\n": "high_value",
    "[calls]\nhigh_value = 'median'\n": "must be a number",
    "[calls]\nstrategic_weight = 0\n": "strategic_weight",
    "[calls]\ninvoluntary_share = 1.1\n": "involuntary_share",
    "[growth]\nlimit_share = 0\n": "limit_share",
    "[growth]\nseats_share = -1\n": "seats_share",
    "[growth]\nnew_users = 0\n": "new_users",
    "[growth]\nleast_health = 101\n": "least_health",
    "[advocates]\nleast_health = -1\n": "least_health",
    "[advocates]\nleast_nps = 11\n": "least_nps",
    "[advocates]\nrest_days = -1\n": "rest_days",
    "plays = 'call'\n": "plays must be a section",
    "[plays]\nfailed_payment = 'x'\n": "did you mean failed_payments",
    "[plays]\nfailed_payments_90d = 'x'\n": "did you mean failed_payments",
    "[plays]\nxyzzy = 'x'\n": "neither a driver nor a dimension",
    "[plays]\ncards = 3\n": "cards in .plays. must be a text",
    "[plays]\ncards = ''\n": "cards in .plays. must be a text",
    "[plays]\ncards = true\n": "cards in .plays. must be a text",
    '[plays]\ncards = "a\\nb"\n': "one line",
    "alerts = 'none'\n": "under \\[\\[alerts\\]\\]",
    "[alerts]\nname = 'x'\n": "under \\[\\[alerts\\]\\]",
    "[[alerts]]\nname = 'x'\n": "rule 1 .* has no when",
    "[[alerts]]\nwhen = 'health'\nbelow = 3\n": "rule 1 .* has no name",
    "[[alerts]]\nname = ' '\nwhen = 'health'\nbelow = 3\n": "has no name",
    "[[alerts]]\nname = 'a'\nwhen = 'healt'\nbelow = 3\n": "did you mean health",
    "[[alerts]]\nname = 'a'\nwhen = 'health_biling'\nbelow = 3\n": "did you mean health_billing",
    "[[alerts]]\nname = 'a'\nwhen = 'xyzzy'\nbelow = 3\n": "which no score has",
    "[[alerts]]\nname = 'a'\nwhen = 'churn_45d'\nabove = 0.3\n": "churn_45d, but .* churn_30d, churn_90d",
    "[[alerts]]\nname = 'a'\nwhen = 'health'\n": "needs either below or above",
    ALERT + "above = 60\n": "needs either below or above",
    "[[alerts]]\nname = 'a'\nwhen = 'health'\ntimes = 2\n": "needs either below or above",
    "[[alerts]]\nname = 'a'\nwhen = 'odds_of_leaving'\nabove = 2\n": "needs times",
    "[[alerts]]\nname = 'a'\nwhen = 'odds_of_leaving'\ntimes = 1\n": "more than 1",
    "[[alerts]]\nname = 'a'\nwhen = 'health'\nbelow = nan\n": "finite",
    ALERT + "clear = 39\n": "would clear while it fires; set clear above 40",
    "[[alerts]]\nname = 'a'\nwhen = 'pulse'\nabove = 40\nclear = 41\n": "set clear below 40",
    "[[alerts]]\nname = 'a'\nwhen = 'churn_90d'\nabove = 30\n": "above = 30, .* make it between 0 and 1",
    "[[alerts]]\nname = 'a'\nwhen = 'churn_90d'\nabove = 1\n": "make it between 0 and 1",
    "[[alerts]]\nname = 'a'\nwhen = 'health_billing'\nabove = 101\n": "make it 0 to 100",
    "[[alerts]]\nname = 'a'\nwhen = 'health'\nbelow = -5\n": "make it 0 to 100",
    "[[alerts]]\nname = 'a'\nwhen = 'pulse'\nbelow = 0\n": "can never fire, since nothing is below 0",
    "[[alerts]]\nname = 'a'\nwhen = 'rule_health'\nabove = 100\n": "can never fire, since nothing is above 100",
    "[[alerts]]\nname = 'a'\nwhen = 'odds_of_leaving'\ntimes = 2\nclear = 0\n": "make it more than 0",
    ALERT + "clear = 120\n": "clear = 120, which can never be",
    ALERT + "for_days = -1\n": "for_days",
    ALERT + "since_days = 0\n": "since_days",
    ALERT + "stages = ['growth']\n": 'stage "growth"; there are onboarding',
    ALERT + "segments = ['']\n": "segment without a name",
    ALERT + "play = ''\n": "play that is empty",
    ALERT + "until = 3\n": "until",
    ALERT + ALERT: 'more than one alert called "a"',
    "[arms]\ncontrol = ['']\n": "must be names of arms",
    '[arms]\ncontrol = ["a", "b\\nc"]\n': "must be names of arms, each on one line",
    "[arms]\ncontrol = 'control'\n": "control = 'control' in .arms. must be a list of texts",
    "[webhook]\nurl = 'ftp://example.com'\n": "http or https",
    "[webhook]\nurl = 'https://'\n": "http or https",
    "[webhook]\nurl = 'https://exa mple.com'\n": "http or https",
    "[webhook]\nurl = 'https://example.com:99999/'\n": "http or https",
    "[webhook]\nurl = 'https://[example.com/'\n": "http or https",
    "[webhook]\nurl = 'https://me:hush@example.com/'\n": "must not hold a user or password",
    "[webhook]\nsecret = 'hush'\n": "did you mean secret_env",
    "[webhook]\nsecret_env = 'whsec_hush'\n": "never the secret itself",
    "[webhook]\nattempts = 0\n": "attempts",
    "[webhook]\ntimeout_seconds = 0\n": "timeout_seconds",
    RULE: "rule on nothing needs either a feature, or a metric",
    RULE + "feature = 'mrr'\nmetric = 'events'\ndays = 28\n": "either a feature, or a metric",
    RULE + "metric = 'events'\n": "metric and days together",
    RULE + "feature = 'mrr'\ndays = 28\n": "metric and days together",
    RULE + "feature = 'mrr'\nweight = 1\nimpact = 'low'\n": "both a weight and an impact",
    RULE + "feature = 'mrr'\nimpact = 'huge'\n": 'impact "huge"; there are low, medium, high',
    RULE + "feature = 'mrr'\nname = ''\n": "a name that is empty",
    RULE + "feature = 'mrr'\nstages = ['born']\n": 'stage "born"',
    RULE + "feature = 'mrr'\nmissing = 'bad'\n": "missing = 'bad'",
    RULE + "feature = 'mrr'\nmissing = 101\n": "missing = 101",
    RULE + "feature = 'mrr'\nmissing = true\n": "must be a text in quotes or a number",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_said_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(TenureError, match=REFUSED[text]) as refusal:
        _load(tmp_path, text)
    said = str(refusal.value)
    assert said.endswith((".", "?"))
    assert "\n" not in said
    assert not re.search(r"hush|Traceback|TypeError", said), "a secret must not be repeated"


@pytest.mark.parametrize(("kind", "places"), [("below", (40, 40)), ("above", (40, 40)), ("times", (2, 2))])
def test_an_alert_may_clear_at_its_threshold(kind: str, places: tuple[float, float]) -> None:
    when = "odds_of_leaving" if kind == "times" else "health"
    limits: Any = {kind: places[0], "clear": places[1]}
    assert AlertRule("a", when, **limits).clear == places[1]


def test_plays_speak_of_drivers_and_every_driver_that_a_csm_can_act_on_to_mend_has_one() -> None:
    plays = Plays()
    assert set(DEFAULT_PLAYS) <= {*TOPICS, *DIMENSIONS}
    actionable = {feature.driver: feature.dimension for feature in CATALOGUE if feature.actionable}
    lacking = {topic for topic, dimension in actionable.items() if plays.play_for(topic, dimension) is None}
    assert lacking == {"limit_used_share_30d", "new_users", "new_departments_180d", "new_features_90d"}
    assert plays.play_for("industry", "contract") is None
    for topic, word in {"failed_payments": "Dunning", "seats_used_share": "Training", "ticket_trouble": "escalation",
                        "days_since_sponsor_use": "Executive call", "nps": "Close the loop"}.items():  # fmt: skip
        assert word in DEFAULT_PLAYS[topic]
    for text in DEFAULT_PLAYS.values():
        assert text[0].isupper()
        assert not text.endswith(".")


def test_the_teams_plays_go_before_the_default_ones() -> None:
    plays = Plays().with_({"billing": "Ask finance", "failed_payments": "Call them", "price": ""})
    assert plays.play_for("cards", "billing") == "Ask finance"  # by dimension, before the topic's default
    assert plays.play_for("failed_payments", "billing") == "Call them"
    assert plays.play_for("price", "contract") is None
    assert plays.play_for("nps", "sentiment") == DEFAULT_PLAYS["nps"]
    assert plays.play_for("an own topic", "billing") == "Ask finance"
    assert Plays().play_for("an own topic", "billing") == DEFAULT_PLAYS["billing"]


def test_the_weight_of_a_rule_whichever_way_it_is_given() -> None:
    assert [ScorecardRule("mrr", 0, 1, impact=name).size for name in ("low", "medium", "high")] == [1, 3, 9]
    assert ScorecardRule("mrr", 0, 1).size == 1
    assert ScorecardRule("mrr", 0, 1, weight=2.5).size == 2.5


def test_the_page_loads_and_names_every_key_and_topic(tmp_path: Path) -> None:
    block = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
    settings = _load(tmp_path, block)
    assert settings.health == HealthSettings()
    assert settings.stages == StageSettings()
    assert settings.growth == GrowthSettings()
    assert settings.advocates == AdvocateSettings()
    assert len(settings.scorecard) == 3
    assert len(settings.alerts) == 2
    kinds = (HealthSettings, StageSettings, CallSettings, GrowthSettings, AdvocateSettings, AlertRule, ArmSettings,
             WebhookSettings, ScorecardRule)  # fmt: skip
    for kind in kinds:
        for field in dataclasses.fields(kind):
            # An alert has one of its limits, and the page shows two of the three.
            assert field.name == "above" or re.search(rf"^{field.name} = ", block, re.MULTILINE), field.name
    for name in (*TOPICS, *DIMENSIONS):
        assert f"`{name}`" in PAGE, f"{name} is missing in docs/config.md"
