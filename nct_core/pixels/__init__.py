"""Image arrays: checked, resized, and in Lab."""
