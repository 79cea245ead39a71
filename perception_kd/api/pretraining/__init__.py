"""From a folder of recordings to a pre-trained network, in one call."""
