"""Endpoints about what a receiver does not have: scraping, rules, notifications.

Their parameters are checked, and their answers are valid, with nothing in them.
"""
