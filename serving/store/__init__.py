"""The score store: scores of every account and day as history, baselines, tokens, feedback; SQLite or PostgreSQL."""
