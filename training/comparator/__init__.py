"""Training the comparator (the eye) on drawn parts."""
