"""Images -> VGG features."""
