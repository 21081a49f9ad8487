"""Clouds, one package each: the only importers of their SDKs."""
