"""Pulumi where nothing can be downloaded: a language host and providers of our own.

The official ones win wherever they are; `path_entries` says which of ours are needed at all.
"""

from infra.offline.finding import missing, notice, path_entries, recorded

__all__ = ["missing", "notice", "path_entries", "recorded"]
