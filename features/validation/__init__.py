"""Validation: what cannot be right in a history, what disagrees, and what is worth knowing before it is relied on."""
