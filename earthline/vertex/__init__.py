"""Vertex AI: the connection, tries, endpoints and the model that serves."""
