"""Other servers of the same SavedModel, written as their documents show; each runs in an environment of its own."""
