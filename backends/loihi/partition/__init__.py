"""Lays a network of stage `fixed` out on the cores of a Loihi chip.

The method is that of NxTF (Rueckauer et al., arXiv 2101.04261): every population gets cores of its
own, cut into equal rectangular tiles; layers are taken from the outputs back to the inputs; a few
of the cheapest partitions are kept on the way.
"""
