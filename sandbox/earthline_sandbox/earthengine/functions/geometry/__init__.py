"""Server functions of geometries and features."""
