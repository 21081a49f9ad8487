"""Language host: runs Pulumi programs and policy packs written in Python."""
