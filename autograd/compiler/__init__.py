"""A graph, recorded once, as a program over the rows of a table.

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
