"""Prove: the long evidence that no single test run can give, kept in `docs/evidence`."""
