"""Evidence of what happened to a sandbox: a signed, chained log, its bundle, its certificate.

`log` writes (records into a store, signed in Vault), `bundle` exports and verifies, `certificate`
says that a sandbox was deleted. What verifies needs Pydantic and cryptography and nothing of a
lab, so that an auditor can run it elsewhere; docs/evidence.md is written for that auditor.
"""
