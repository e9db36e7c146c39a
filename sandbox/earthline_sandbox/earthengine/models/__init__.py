"""Predictions by an endpoint of Vertex AI, for images and for features."""
