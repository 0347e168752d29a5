"""storage/series"""
