"""api/promql/operators"""
