"""api/web"""
