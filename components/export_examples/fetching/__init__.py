"""Patches out of Earth Engine: the windows that are asked for, and the requests."""
