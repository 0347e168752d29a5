"""storage/labels"""
