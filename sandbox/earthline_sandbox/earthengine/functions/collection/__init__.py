"""Server functions of collections, filters and joins."""
