"""Rules for what lies on AWS."""
