"""Server functions of arrays and of images of arrays."""
