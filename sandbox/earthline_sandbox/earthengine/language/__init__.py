"""Expression graphs, the registry of server functions, and how arguments and results are converted."""
