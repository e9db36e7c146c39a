"""Which runtime computes a model best: each is given the same real tiles, and has to answer alike."""
