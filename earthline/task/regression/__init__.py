"""Regression: a map of a continuous value, such as the height of trees or the share of sealed ground."""
