"""Kubernetes provider: server-side apply of any object of the pulumi-kubernetes SDK."""
