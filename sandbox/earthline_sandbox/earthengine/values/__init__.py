"""The values of Earth Engine's language: images, collections, features, geometries."""
