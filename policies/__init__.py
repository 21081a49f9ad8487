"""Every policy of the lab once: what holds, why, and where it is enforced.

A rule is one file below `rules`. Everything else is generated from it: the Pulumi policy pack
(`pack`), the admission policies of a cluster (`admission`), the audit of what runs (`audit`), and
the matrix of controls (`controls`).

Nothing here knows how a lab is made; the layers of `infra` ask, and are not asked.
"""
