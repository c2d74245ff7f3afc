"""What the user sees, in the user's language: the dialog with its preview, progress and errors."""
