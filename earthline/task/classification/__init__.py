"""Classification: each pixel is of one class; a model gives the probability of each."""
