"""The Pulumi program and its compositions, one module a ground."""
