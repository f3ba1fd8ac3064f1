"""Features: a company's history in, one row per account and as_of day out, and the labels that go with it."""
