"""The part of Cloud Logging that the clients read."""
