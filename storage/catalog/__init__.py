"""storage/catalog"""
