"""Earth Engine's REST API, and the sandbox's own beside it."""
