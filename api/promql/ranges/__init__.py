"""The functions over range vectors: rates, sums, quantiles of the samples in a window.

Windows are open on the left and closed on the right. Floats are the short way (`floats`, kernels);
series with native histograms or start timestamps take the other one (`mixed`), anchored and
smoothed ranges a third (`extended`). `table` has all of a function in one entry. Begin with
`calls`.
"""
