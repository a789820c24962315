"""A graph, recorded once, as a program over the rows of a table.

Two compilers stand side by side.  One weaves arrays by formula, and prints the text that people read:

numbering, patterns          the graph as columns; numbers that the same formula computes
tensors                      arrays as expressions
weaving and its parts        from the outputs down, an array of numbers is a word of arrays
reverse, gradients           adjoints: arrays to arrays
book and its parts           the text; libraries: in the words of NumPy, JAX, PyTorch, Dask

The other one groups by levels, and is what runs:

lowering    the graph as groups of equal operations
layout      a slot for every number, so that what a group reads is a view
arrays      formulas over those views
emitting    lines of NumPy calls, forwards and backwards
rowwise     one straight line of Python, where there is nothing to group
columnwise  node by node, for rows that are not finite
lazy        tables of Dask's, part by part
tables      what counts as a table, and whose column is whose
program     all of it behind one face
"""
