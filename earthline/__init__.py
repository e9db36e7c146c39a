"""Deep-learning maps in Google Earth Engine from one YAML file."""

__version__ = "0.1.0"
