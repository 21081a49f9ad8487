"""What a lab costs in a month, from price tables in this repository."""
