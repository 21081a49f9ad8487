"""What `lab bench` measures, as its users would feel it."""
