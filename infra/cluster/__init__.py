"""What every cluster gets: namespaces, network baseline, lab roles.

`manifests` and `objects` are pure (values in, Kubernetes objects out); `kubernetes` and
`baseline` bring them to life with Pulumi.
"""
