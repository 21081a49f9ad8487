"""Recording providers: stand in for pulumi-aws and pulumi-azure-native while a lab is previewed.

They know what the SDKs know: names and types of properties, and which are required. What a cloud
would answer is made up, the same for the same program, so that a plan can be read without an
account. They make nothing: whatever is not a preview is refused.
"""
