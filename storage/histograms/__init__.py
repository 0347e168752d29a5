"""storage/histograms"""
