"""Drafts of a config: what was answered, what Earth Engine tells of it, and the text that is made of both."""
