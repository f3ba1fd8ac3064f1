"""Facts: a history and a day in; what was known of each account, as its brief tells it, out."""

from success.facts.gathered import facts_of

__all__ = ["facts_of"]
