"""Benchmarks: speed beside a known alternative, as ratios."""
