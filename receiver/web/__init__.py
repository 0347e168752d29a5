"""receiver/web"""
