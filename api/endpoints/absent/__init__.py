"""Endpoints about what a receiver does not have: scraping, notifications for pages.

Their parameters are checked, and their answers are valid, with nothing in them.
"""
