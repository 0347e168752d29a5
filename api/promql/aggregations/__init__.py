"""api/promql/aggregations"""
