"""Images through functions of numbers, pixel by pixel: arithmetic, comparison, bits, scaling, other types."""
