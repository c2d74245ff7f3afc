"""The process that computes for the GIMP plug-in."""
