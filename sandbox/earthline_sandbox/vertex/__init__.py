"""Vertex AI: pipeline jobs, custom jobs, models and endpoints, with local processes for containers."""

from typing import Final

HOSTS: Final = ("*aiplatform.googleapis.com", "*.vertexai.goog", "logging.googleapis.com")
