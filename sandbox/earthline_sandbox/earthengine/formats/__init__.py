"""File formats and wire formats of pixels and tables."""
