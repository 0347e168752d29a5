"""api/sources"""
