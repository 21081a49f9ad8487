"""The Kubernetes API for whoever speaks to it: the provider, the audit, what runs in the cluster.

Connections (`kubeconfig` from outside, `in_cluster` from a pod), a client over them, and which
kinds a server has. Nothing here needs Pulumi, gRPC or a configuration of a lab.
"""
