"""Features -> nearest-neighbor fields in both directions."""
