"""Vault: the only place that imports hvac. `client` is the way in, `objects` what is kept there."""
