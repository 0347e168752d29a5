"""receiver/wire/v1"""
