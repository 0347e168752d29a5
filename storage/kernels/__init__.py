"""What kernels are made of: array types, the compiler's decorator, machine words, memory.

Nothing here knows a series or a sample. A kernel is a free function over arrays; `jit` says how it
is compiled, `arrays` names the types of its columns. Begin with `jit`.
"""
