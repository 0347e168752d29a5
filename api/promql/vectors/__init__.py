"""api/promql/vectors"""
