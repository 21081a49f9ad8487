"""What the live checks share: ways into the machines, the cluster and Vault, and real probes."""
