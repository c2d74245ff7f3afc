"""Deep Image Analogy: a picture in the texture and colors of another, and the way back, from the same two fields."""
