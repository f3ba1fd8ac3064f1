"""Benchmarks: what is measured, against what, by one command each."""
