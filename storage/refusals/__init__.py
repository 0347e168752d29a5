"""storage/refusals"""
