"""What is known of an interpreter's memory: layout tables, and pure decoders over the bytes of a target.

Decoders take a `Memory` and a `Layout` and do no I/O of their own. On any bytes whatever they end, and raise nothing
but `Misread`.
"""
