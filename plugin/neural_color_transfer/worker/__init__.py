"""The worker process as the plug-in sees it: its pipes, what it has been sent, the transfers and the previews that it computes.

``client``, ``session`` and ``preview_engine`` need the standard library and the contract only.
"""
