"""Endpoints, what is deployed to them, and online prediction."""
