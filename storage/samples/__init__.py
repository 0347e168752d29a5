"""storage/samples"""
