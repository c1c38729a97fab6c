"""What is seen of a running app: its logs, its failures and their causes, its state.

``logs`` and ``look`` read, ``lines`` and ``failures`` are pure.  ``answer`` is what the node
program does with a question; what the facts mean is said by ``toque.doctor``, not on the node.
"""
