"""Commands on what a run left: maps by its model, which model serves, where the next labels help it most."""
