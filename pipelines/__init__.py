"""The workflow as a pipeline: how it is built, compiled, checked, submitted, followed and scheduled."""
