"""Points and polygons that are labels: read from files, given a class, and placed on a pixel grid."""
