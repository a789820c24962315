"""What a graph looks like: as formulas, as figures, as pages.  Text first; one module runs Graphviz.

    boxes       which nodes are drawn as one
    notation    what a node computes, and what flows along every edge, as text
    drawing     both as DOT text, in two styles, and as a table
    rendering   DOT text to a picture, by a program that gets so much time and memory
    stepper     the backward pass as a page

Nothing here computes: the numbers are the engine's ledger.
"""
