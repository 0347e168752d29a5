"""storage/tenants"""
