"""Arrays through functions of numbers, element by element: arithmetic, comparison, bits, other types."""
