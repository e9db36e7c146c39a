"""Accuracy on real sets: sets x models x seeds, each with intervals. `python -m benchmarks.accuracy`."""
