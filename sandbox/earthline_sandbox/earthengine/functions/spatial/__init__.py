"""Server functions that look at what lies around a pixel."""
