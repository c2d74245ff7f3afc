"""Guidance -> the local linear transform of colors, on a grid and at any size."""
