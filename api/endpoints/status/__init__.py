"""Endpoints about the program and what it holds: settings, features, run time."""
