"""api/promql/native_histograms"""
