"""The library that the lab's stacks compose.

Data flows one way: configuration -> ground (machines) -> Cluster and SecretStore ->
cluster baseline -> sandboxes -> verification. A layer imports only the layers before it
and `infra.contracts`; `lint-imports` holds that.
"""
