"""Native histograms in windows: which histograms a window's change is a sum of.

Windows are planned over whole histograms first, then all changes are folded by one kernel. Begin
with `rates`.
"""
