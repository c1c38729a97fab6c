"""The real outside world behind the ports: other machines over SSH, this machine, known hosts.

Only ``bootstrap`` imports these; everything else sees ``ports``.
"""
