"""receiver/settings"""
