#!/usr/bin/python3
"""Ends with 0 if a service of this machine says over TLS that it is well: `is-well URL CA-FILE`."""

from __future__ import annotations

import ssl
import sys
import urllib.request


def main(url: str, authority: str) -> int:
    """Any other answer than 200, or none within a second, is not well."""
    try:
        context = ssl.create_default_context(cafile=authority)
        # No proxy of the environment, and no redirect to a machine that is well.
        opener = urllib.request.OpenerDirector()
        opener.add_handler(urllib.request.HTTPSHandler(context=context))
        with opener.open(url, timeout=1) as answer:
            return 0 if answer.status == 200 else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
