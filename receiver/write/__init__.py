"""receiver/write"""
