"""Drawing: boxes, maps, classes of points, pairs and similarities as RGB images.

These modules draw what they are given. They know no data set and run no network, so
that every other package may import them.
"""
