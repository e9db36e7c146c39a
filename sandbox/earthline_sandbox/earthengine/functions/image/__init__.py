"""Server functions of images, pixel by pixel."""
