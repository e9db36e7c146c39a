"""Who the sandbox says that a client is: tokens, keys and the metadata server."""
