"""What runs in confinement, as plain scripts: nothing here imports retroprop.

The grader starts `fork_server.py` in a Python of its own, where these modules are the package
`confined`. What they hold, a submission can read; so no right answer, no hidden input and no other
submission ever comes here.
"""
