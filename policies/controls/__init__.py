"""What laws and standards want, and what of it is served by which rules, checks and tests."""
