"""storage/head"""
