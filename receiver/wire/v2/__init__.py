"""receiver/wire/v2"""
