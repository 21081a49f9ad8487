"""Pulumi where nothing can be downloaded: a language host and a Kubernetes provider of our own.

The official ones win wherever they are; `path_entries` says which of ours are needed at all.
"""

from infra.offline.finding import missing, notice, path_entries

__all__ = ["missing", "notice", "path_entries"]
