"""The linear solver of both least-squares problems."""
