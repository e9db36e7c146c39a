"""Server functions of classifiers, clusterers and models."""
