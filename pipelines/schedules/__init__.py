"""Schedules on Vertex AI, which start runs by themselves."""
