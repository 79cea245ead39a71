"""Contents of a scene: geometry, materials, traffic and weather."""
