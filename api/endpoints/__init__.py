"""api/endpoints"""
