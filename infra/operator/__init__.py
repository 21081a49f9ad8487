"""The operator: makes the sandboxes that were asked for, and sees to it that they end.

`life` decides (pure), `reconcile` does what it decided, one step at a time, each safe to repeat.
docs/adr/0018-sandbox-operator.md says why it is so.
"""
