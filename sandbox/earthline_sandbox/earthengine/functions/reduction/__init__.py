"""Server functions of reducers, regions and samples."""
