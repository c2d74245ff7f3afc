"""GIMP's drawables and their pixels: reading, writing, and putting a result into an image."""
