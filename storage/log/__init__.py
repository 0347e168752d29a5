"""storage/log"""
