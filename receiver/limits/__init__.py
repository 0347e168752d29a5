"""receiver/limits"""
