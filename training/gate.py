"""The gate: evidence on the holdout in, the decision whether a version may become champion out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from training import gate_checks, gate_paired
from training.gate_checks import Check, Evidence

__all__ = ["HEADLINE", "Check", "Decision", "Evidence", "decide", "headline_of"]

HEADLINE = 90
_TOLD = 3  # refusals spelled out in the reason; the rest are counted, and all stand among the checks


@dataclass(frozen=True)
class Decision:
    """Whether a version passed, why in plain sentences, the numbers behind it (floats and text), and every check."""

    passed: bool
    reason: str
    numbers: dict[str, float | str | None]
    checks: tuple[Check, ...] = field(default=())


def decide(
    results: Mapping[int, Evidence],
    champion: Mapping[int, Evidence] | None = None,
    *,
    catalogue_hash: str,
    current_hash: str,
    champion_version: str | None = None,
) -> Decision:
    """Pass a version whose forecasts are shown to be good, and no worse than those of what it would replace.

    Every version must be shown (one-sided 99.5 %) to beat the base rate and recency at the headline horizon and not
    be shown to be worse at another, be calibrated, materially worse in no segment, and trained on the features in
    force. One that would replace a champion must also be no worse than its recipe at every horizon. Horizons
    that were not validated in time are shown and decide nothing. Bounds and their error rates: docs/adr/0014.

    Parameters
    ----------
    results : the version's recipe on the holdout, by horizon in days.
    champion : the champion's *recipe*, fitted on the same blocks and judged on the same rows, by horizon: its
        registered refit has learned from these holdout rows. None when there is no champion, or its recipe cannot
        be fitted again.
    catalogue_hash, current_hash : of the feature declarations it was trained on, and of those in force.
    champion_version : the champion's number; with `champion` None the reason says that it was not compared.

    Raises
    ------
    ValueError : no comparator was evaluated, or the champion was judged on other rows.
    """
    timed = {h: e for h, e in sorted(results.items()) if e.in_time}
    untimed = {h: e for h, e in sorted(results.items()) if not e.in_time}
    rivals = {h: e for h, e in (champion or {}).items() if h in timed}
    headline = headline_of(results)
    checks = [gate_checks.catalogue(catalogue_hash, current_hash)]
    if headline is not None:
        checks.append(gate_checks.better_than_comparators(results[headline]))
        checks += [gate_checks.against_comparators(e) for h, e in timed.items() if h != headline]
        checks += [gate_paired.against_champion(timed[h], rivals[h]) for h in sorted(rivals)]
        checks += [check for e in timed.values() for check in gate_checks.calibration(e)]
        compared = {h: timed[h] for h in rivals} if rivals else timed
        checks.append(gate_paired.segments(compared, rivals or None))
    for h, e in untimed.items():
        checks += [gate_checks.against_comparators(e), *gate_checks.calibration(e)]
        if champion and h in champion:
            checks.append(gate_paired.against_champion(e, champion[h]))
    failed = [check for check in checks if check.decides and not check.passed]
    passed = headline is not None and not failed
    said = _passed(results, headline, rivals, checks) if passed else _refused(failed, headline)
    notes = [
        _on_time(list(untimed)) if timed else "",
        _on_champion(champion_version, list(rivals), list(timed)),
    ]
    numbers: dict[str, float | str | None] = {
        "headline_days": None if headline is None else float(headline),
        "champion_version": champion_version,
        "champion_compared": "yes" if rivals else "no",
        "validated_in_time": _days(list(timed)),
        "not_validated_in_time": _days(list(untimed)),
    }
    shown = next((c for c in checks if c.horizon == headline and c.name == "prior and recency"), None)
    return Decision(passed, " ".join(filter(None, [said, *notes])), (shown.numbers if shown else {}) | numbers,
                    tuple(checks))  # fmt: skip


def headline_of(results: Mapping[int, Evidence]) -> int | None:
    """The horizon whose figures stand first: the one validated in time that is nearest to 90 days, or None."""
    timed = [h for h, e in results.items() if e.in_time]
    return min(timed, key=lambda h: (abs(h - HEADLINE), h)) if timed else None


def _passed(
    results: Mapping[int, Evidence], headline: int | None, rivals: Mapping[int, Evidence], checks: Sequence[Check]
) -> str:
    first = next(c for c in checks if c.horizon == headline and c.name == "prior and recency")
    said = f"Passed: {_small(first.sentence)}"
    if rivals:
        said += f" It is no worse than the champion's recipe at {_days(sorted(rivals))}."
    timed = sorted(h for h, e in results.items() if e.in_time)
    return said + f" It is not shown to be off in calibration at {_days(timed)}, nor materially worse in a segment."


def _refused(failed: Sequence[Check], headline: int | None) -> str:
    if headline is None:
        said = ["no horizon was validated in time, so that nothing shows how it would have done later"]
        said[0] += ". A longer history is needed."
    else:
        said = []
    ordered = sorted(failed, key=lambda check: check.horizon != headline)
    said += [check.sentence for check in ordered[:_TOLD]]
    text = f"Not passed: {_small(' '.join(said))}"
    more = len(ordered) - _TOLD
    return text + (f" {more} more {'check was' if more == 1 else 'checks were'} not passed." if more > 0 else "")


def _on_time(untimed: list[int]) -> str:
    if not untimed:
        return ""
    return f"Not validated in time, and so not counted: {_days(untimed)}."


def _on_champion(version: str | None, rivals: list[int], timed: list[int]) -> str:
    if version is None:
        return ""
    if not rivals:
        return (
            f"It was not compared with champion {version}, whose recipe cannot be fitted again on these rows and "
            "features; it was judged as a first champion is."
        )
    missing = [h for h in timed if h not in rivals]
    return f"Champion {version} has no figures at {_days(missing)}." if missing else ""


def _days(horizons: Sequence[int]) -> str:
    """Horizons as a person lists them.

    >>> _days([30]), _days([30, 90, 180])
    ('30 days', '30, 90 and 180 days')
    """
    if not horizons:
        return ""
    words = [str(h) for h in horizons]
    return (", ".join(words[:-1]) + " and " if words[1:] else "") + f"{words[-1]} days"


def _small(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
