"""Fields and references -> what colors each position of the source should have, and from which reference."""
