"""Requests to Earth Engine: the one door that all of them pass, how long each is waited for, and what errors mean."""
