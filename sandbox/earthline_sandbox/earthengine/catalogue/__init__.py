"""Assets: where they lie, how they come in, how their pixels are read."""
