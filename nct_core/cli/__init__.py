"""The ``nct`` command."""
