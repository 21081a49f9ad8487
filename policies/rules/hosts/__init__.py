"""Rules for machines of the lab itself."""
