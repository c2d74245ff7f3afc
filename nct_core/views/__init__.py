"""What a transfer found, as pictures for people."""
