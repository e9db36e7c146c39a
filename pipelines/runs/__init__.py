"""Runs on Vertex AI: their steps, states, logs, and what is kept of them on this machine."""
