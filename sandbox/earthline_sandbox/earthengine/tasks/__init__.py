"""Batch tasks: exports, their destinations, and operations."""
