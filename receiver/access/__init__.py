"""receiver/access"""
