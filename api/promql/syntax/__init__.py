"""api/promql/syntax"""
