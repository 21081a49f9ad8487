"""Our own Pulumi provider: machines, playbooks and Vault objects.

`sdk` is what programs use; everything else runs in the plugin `pulumi-resource-ailab`.
"""
