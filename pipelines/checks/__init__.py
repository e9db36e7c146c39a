"""What is asked before a run is paid for: accounts, rights, quotas, images."""
