"""storage/segments"""
