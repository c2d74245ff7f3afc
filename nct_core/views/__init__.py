"""Draws the results of a transfer as pictures."""
