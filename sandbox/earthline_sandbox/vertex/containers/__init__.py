"""Containers, as processes of this machine or on a Docker engine."""
