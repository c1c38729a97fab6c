"""What runs on machines: standard library only, Python 3.9 and newer, nothing else of ours.

The controller imports this package to write and check plans; the node runs the same text out of
a zip named by its hash.
"""
