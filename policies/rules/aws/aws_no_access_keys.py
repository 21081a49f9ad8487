"""Nobody has a long-lived key to AWS."""

from policies.properties import Properties, must_not_be_set
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-no-access-keys",
    title="There is no user and no access key; workloads have roles, people log in.",
    reason="A key that does not end is found one day in an image, a notebook or a backup, and "
    "works from anywhere.",
    severity=Severity.CRITICAL,
    controls=("SATRE-1.5.05", "SATRE-3.2.01", "SATRE-3.2.04", "CYB-8.2h", "CYB-8.3b", "CYB-8.3c"),
    preview=Properties(
        {
            "pulumi:providers:aws": (
                must_not_be_set("accessKey", broken="AKIAEXAMPLE"),
                must_not_be_set("secretKey", broken="example"),
            )
        },
        forbidden={
            "aws:iam/accessKey:AccessKey": {"user": "someone"},
            "aws:iam/serviceSpecificCredential:ServiceSpecificCredential": {"userName": "someone"},
            "aws:iam/sshKey:SshKey": {"username": "someone"},
            "aws:iam/user:User": {"name": "someone"},
            "aws:iam/userLoginProfile:UserLoginProfile": {"user": "someone"},
            "aws:iam/userPolicy:UserPolicy": {"user": "someone"},
            "aws:iam/userPolicyAttachment:UserPolicyAttachment": {"user": "someone"},
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Use a role: Pod Identity for workloads, the identity provider for people.",
)
