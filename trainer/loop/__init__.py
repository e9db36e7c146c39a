"""How a network is trained: step by step, epoch by epoch."""
