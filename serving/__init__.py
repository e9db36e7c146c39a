"""The prediction server: one container for Vertex AI endpoints and for Cloud Run."""
