"""What a graph looks like: as formulas, as figures, as pages.  Text first; one module runs Graphviz.

    boxes       which nodes are drawn as one
    algebra     formulas as sums of products
    writing     such a sum in a notation: text, LaTeX, MathML
    labels      what a node computes, and what flows along every edge
    drawing     all that as DOT text, in two styles, and as a table
    rendering   DOT text to a picture, by a program that gets so much time and memory
    stepper     the backward pass as a page

Nothing here computes: the numbers are the engine's ledger.
"""
