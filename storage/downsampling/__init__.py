"""Downsampling: samples become windows of 5 minutes and of an hour, with real samples kept of each.

What is kept of a window answers functions over time exactly where ranges begin and end with
windows. Windows of an hour are made of those of 5 minutes. Begin with `aggregates`, then `folding`.
"""
