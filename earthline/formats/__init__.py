"""What lies in files between the steps: examples and their manifest, a SavedModel's contract, evaluations."""
