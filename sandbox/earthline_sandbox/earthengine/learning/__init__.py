"""Classifiers and clusterers: samples, what learns from them, and what it says."""
