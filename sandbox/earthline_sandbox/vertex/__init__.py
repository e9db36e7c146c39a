"""Vertex AI: pipeline jobs, custom jobs, models and endpoints, with local processes for containers."""
