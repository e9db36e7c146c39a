"""Numbers: arithmetic, comparison, bits, scaling, other types, and texts of them."""
