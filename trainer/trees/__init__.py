"""Models of decision trees: they learn with scikit-learn from a sample of pixels, and become layers of a network."""
