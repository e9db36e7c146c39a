"""Schedules of pipeline jobs."""
