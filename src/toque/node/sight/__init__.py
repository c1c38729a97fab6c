"""What is seen of a running app: its logs, its failures and their causes, its state.

``logs`` and ``look`` read, ``lines``, ``failures`` and ``diagnosis`` are pure: facts in, findings
out.  ``answer`` is what the node program does with a question.
"""
