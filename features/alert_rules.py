"""Alert rules: when somebody is told of an account, and where that is sent, as checked settings."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import urlsplit

from features.checks import check_bounds, check_limits, one_line
from features.errors import TenureError
from features.feature import DIMENSIONS

__all__ = ["DEFAULT_ALERTS", "ODDS_OF_LEAVING", "AlertRule", "ArmSettings", "WebhookSettings"]

ODDS_OF_LEAVING = "odds_of_leaving"
"""What an alert on a multiple of earlier odds is about; no column of a score row."""


@dataclass(frozen=True)
class AlertRule:
    """When somebody is told of an account, `[[alerts]]`.

    Parameters
    ----------
    name : of the rule, unique.
    when : a number of the score row: health, health_<dimension>, churn_<h>d, rule_health or pulse; or odds_of_leaving.
    below, above, times : exactly one of them; `times` goes with odds_of_leaving and nothing else does: so many times
        those of since_days ago, by what changed at the account.
    for_days : it has to stay so for that long.
    clear : value at which the alert clears; the threshold itself when not set.
    segments, stages : of the accounts that the rule is about, segments in any letter case; all of them when empty.
    play : what to do about it; that of the account's largest driver when not set.
    """

    name: str
    when: str
    below: float | None = None
    above: float | None = None
    times: float | None = None
    since_days: int = 7
    for_days: int = 0
    clear: float | None = None
    segments: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    play: str | None = None

    def __post_init__(self) -> None:
        if not one_line(self.name):
            raise TenureError("An alert in [[alerts]] has no name; give it one of at most 100 letters on one line.")
        where = f'The alert "{self.name}" in [[alerts]]'
        known = (*("health", "rule_health", "pulse", ODDS_OF_LEAVING), *(f"health_{name}" for name in DIMENSIONS))
        if self.when not in known and not re.fullmatch(r"churn_[1-9]\d{0,3}d", self.when):
            near = get_close_matches(self.when, (*known, "churn_90d"), 1)
            hint = f"did you mean {near[0]}?" if near else "docs/config.md lists what there is."
            raise TenureError(f'{where} is about "{self.when}", which no score has; {hint}')
        limits = {name: v for name in ("below", "above", "times") if (v := getattr(self, name)) is not None}
        if len(limits) != 1 or (self.when == ODDS_OF_LEAVING) != ("times" in limits):
            wanted = "times" if self.when == ODDS_OF_LEAVING else "either below or above"
            raise TenureError(f'{where} needs {wanted}, and nothing beside it, with when = "{self.when}".')
        ((kind, limit),) = limits.items()
        clear = limit if self.clear is None else self.clear
        if not math.isfinite(limit) or not math.isfinite(clear) or (kind == "times" and not limit > 1):
            what = "more than 1" if kind == "times" else "a finite number"
            raise TenureError(f"{where} has {kind} = {limit:g} and clear = {clear:g}; make the first {what}.")
        if clear < limit if kind == "below" else clear > limit:
            side = "above" if kind == "below" else "below"
            raise TenureError(f"{where} would clear while it fires; set clear {side} {limit:g}, not to {clear:g}.")
        self._check_range(where, kind, limit, clear)
        for name, least in (("since_days", 1), ("for_days", 0)):
            if not least <= getattr(self, name) <= 365:
                raise TenureError(f"{where} has {name} = {getattr(self, name)}; make it {least} to 365.")
        check_limits(where, self.segments, self.stages)
        if self.play is not None and not one_line(self.play, 300):
            raise TenureError(f"{where} has a play that is empty or too long; write up to 300 letters on one line.")

    def _check_range(self, where: str, kind: str, limit: float, clear: float) -> None:
        """Refuse a limit that no value is ever beyond, and one that none ever comes back to."""
        if kind == "times":
            if clear <= 0:
                raise TenureError(f"{where} has clear = {clear:g}, which no odds come back to; make it more than 0.")
            return
        most = 1 if self.when.startswith("churn_") else 100
        for name, value in ((kind, limit), ("clear", clear)):
            if not 0 <= value <= most or (name == kind and most == 1 and value in (0, 1)):
                between_ = "between 0 and 1, as in 0.3 for 30 %" if most == 1 else "0 to 100"
                raise TenureError(f"{where} has {name} = {value:g}, which can never be; make it {between_}.")
        # Health may lie a little outside of what is shown, the other two never do.
        if self.when in ("rule_health", "pulse") and limit == (0 if kind == "below" else 100):
            raise TenureError(f"{where} can never fire, since nothing is {kind} {limit:g}; set {kind} otherwise.")


DEFAULT_ALERTS = (
    AlertRule("Billing health fell", "health_billing", below=40.0, for_days=7, clear=45.0),
    AlertRule("The odds of leaving doubled", ODDS_OF_LEAVING, times=2.0, clear=1.5),
)
"""What a team is told of that has written no alerts of its own."""


@dataclass(frozen=True)
class ArmSettings:
    """Which arms of the table `arms` are kept from alerts, `[arms]`, so that what alerts bring can be measured.

    Parameters
    ----------
    control : names of arms whose accounts nobody is told of.
    """

    control: tuple[str, ...] = ("control",)

    def __post_init__(self) -> None:
        if not all(map(one_line, self.control)):
            raise TenureError(f"[arms] control = {list(self.control)} must be names of arms, each on one line.")


@dataclass(frozen=True)
class WebhookSettings:
    """Where alerts are sent, `[webhook]`; the secret that signs them is never written down here.

    Parameters
    ----------
    url : an http or https address; nothing is sent when not set.
    secret_env : the environment variable that holds the secret.
    attempts : before an alert goes into the dead-letter file.
    timeout_seconds : of one attempt.
    """

    url: str | None = None
    secret_env: str = "TENURE_WEBHOOK_SECRET"
    attempts: int = 8
    timeout_seconds: float = 5.0

    def __post_init__(self) -> None:
        # Neither message repeats the value: it may hold a password.
        if self.url is not None:
            try:
                parts = urlsplit(self.url)
                sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
            except ValueError:
                sound = False
            if not sound or re.search(r"[\s\x00-\x1f]", self.url):
                raise TenureError('[webhook] url must be an http or https address, as in "https://example.com/hook".')
            if "@" in parts.netloc:
                raise TenureError("[webhook] url must not hold a user or password; requests are signed instead.")
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", self.secret_env):
            raise TenureError(
                "[webhook] secret_env must be the name of an environment variable in capitals, never the secret itself."
            )
        check_bounds("webhook", self, attempts=(1, 100), timeout_seconds=(0.1, 60))
