"""What lies in files between the steps: examples and their manifest, evaluations, what describes a `served/` model."""
