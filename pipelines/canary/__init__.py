"""The smallest real run of a workflow, and what it finds out about a project."""
