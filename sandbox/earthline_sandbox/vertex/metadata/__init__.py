"""Vertex ML Metadata, as far as experiments need it."""
