"""What the user says goes with what -> planes that steer the matching, the choice between references, and the last stage (ours)."""
