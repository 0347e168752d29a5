"""api/promql/ranges"""
