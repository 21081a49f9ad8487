"""No secret is in what a machine on AWS starts with."""

from policies.clouds import must_hold_no_secret
from policies.properties import Properties, must_match
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-no-secrets-in-machines",
    title="What a machine is started with holds no key and no token.",
    reason="User data is readable for every process on the machine, for everybody who may look at "
    "it in the account, and in every template for ever.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.8.05", "SATRE-1.5.05", "CYB-8.2h"),
    preview=Properties(
        {
            "aws:ec2/instance:Instance": (
                must_hold_no_secret("userData"),
                must_hold_no_secret("userDataBase64"),
            ),
            "aws:ec2/keyPair:KeyPair": (
                must_match(
                    "publicKey",
                    r"(ssh-|ecdsa-|sk-)[^\n]+\n?",
                    "a public key",
                    broken=("-----BEGIN OPENSSH PRIVATE KEY-----",),
                ),
            ),
            "aws:ec2/launchTemplate:LaunchTemplate": (must_hold_no_secret("userData"),),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Let the machine fetch it from Vault with its own identity.",
)
