"""storage/shard"""
