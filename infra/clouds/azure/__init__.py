"""Azure: the only package that imports pulumi_azure_native, and that through `sdk` alone."""
