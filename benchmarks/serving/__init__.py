"""How fast the service answers, beside what one would write first and beside the bare application."""
