"""Reducers, by what they give."""
