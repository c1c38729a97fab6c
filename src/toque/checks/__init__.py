"""What is wrong with a project and its cookbooks, by their texts and by plans made without a node.

Pure: ``usecases/checking.py`` reads and compiles.  One file a rule, all of them in ``rules.py``.
"""
