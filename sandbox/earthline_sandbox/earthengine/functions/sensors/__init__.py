"""Server functions for the imagery of certain sensors."""
