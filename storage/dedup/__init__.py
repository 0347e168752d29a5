"""storage/dedup"""
