"""What a graph looks like: as formulas, as figures, as pages.  Text first; one module runs Graphviz.

    boxes       which nodes are drawn as one
    algebra     formulas as sums of products
    writing     such a sum in a notation: text, LaTeX, MathML
    naming      letters for what has no name
    likeness    which op of the table a composite is
    formulas    every Value as such a sum, and which have names
    labels      what a node computes, and what flows along every edge
    amounts     the same in numbers
    lettering   texts with the room that their letters need
    styles      all that as DOT text, in two styles
    table       a graph as a table of text
    drawing     what draw gives
    digraph     a drawing, which renders itself
    programs    which program renders
    rendering   DOT text to a picture, by a program that gets so much time and memory
    frames      the steps of the backward pass
    stepper     these steps as a page

Nothing here computes: the numbers are the engine's ledger.
"""
