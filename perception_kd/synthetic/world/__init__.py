"""The street world: geometry, traffic and weather."""
