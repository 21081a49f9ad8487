"""What carries a lab, one module a ground."""
