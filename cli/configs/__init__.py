"""Commands on a config, before anything runs: write it, check it, see what it means and what a run would cost."""
