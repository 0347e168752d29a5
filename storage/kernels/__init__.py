"""storage/kernels"""
