"""How patches reach the network: read once, kept near, drawn and changed anew each epoch."""
