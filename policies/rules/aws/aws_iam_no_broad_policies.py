"""No role on AWS gets one of the policies that allow nearly everything."""

from policies.properties import Properties, must_match
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_NAMED = must_match(
    "policyArn",
    r"(?!.*/(AdministratorAccess|PowerUserAccess|IAMFullAccess|ReadOnlyAccess|.*FullAccess"
    r"(V\d+)?|.*FullAccess_.*)$).+",
    "a policy for a purpose, not one that allows nearly everything",
    broken=(
        "arn:aws:iam::aws:policy/AdministratorAccess",
        "arn:aws:iam::aws:policy/PowerUserAccess",
        "arn:aws:iam::aws:policy/IAMFullAccess",
        "arn:aws:iam::aws:policy/AmazonS3FullAccess",
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
    ),
)

RULE = Rule(
    id="aws-iam-no-broad-policies",
    title="No role gets a policy of AWS's that allows nearly everything.",
    reason="Such policies are for people who try things out; ReadOnlyAccess reads every object.",
    severity=Severity.CRITICAL,
    controls=("SATRE-1.5.03", "SATRE-3.2.03", "CYB-8.2h", "CYB-8.3b"),
    preview=Properties(
        {
            "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": (_NAMED,),
            "aws:iam/policyAttachment:PolicyAttachment": (_NAMED,),
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment": (_NAMED,),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Attach the policy that AWS made for the purpose, or write one.",
)
