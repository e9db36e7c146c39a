"""What goes wrong with imagery and labels, and how often a question about them is asked."""

ATTEMPTS = 6
"""Tries of each question about imagery and labels."""


class ImageryError(ValueError):
    """The config asks Earth Engine for something that is not there; the text names the key and the fix."""
