"""api/promql/ranges/native"""
