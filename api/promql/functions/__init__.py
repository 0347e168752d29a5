"""api/promql/functions"""
