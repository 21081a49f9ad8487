"""Sandboxes: `blueprint` says what one is (pure), `component` makes it with Pulumi."""
