"""receiver/wire"""
