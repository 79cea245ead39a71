"""Files of points: their decoders, one module for each format, and the readers."""
