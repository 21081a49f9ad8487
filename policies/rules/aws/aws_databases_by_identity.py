"""Databases on AWS know workloads by their roles."""

from policies.properties import Properties, must_be, must_not_be_set
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_LOGIN = (
    must_be("iamDatabaseAuthenticationEnabled", True),
    must_be("manageMasterUserPassword", True),
)

RULE = Rule(
    id="aws-databases-by-identity",
    title="Workloads log in to databases with their role; no program knows a password.",
    reason="A password in a program is in its state, its logs and its backups as well.",
    severity=Severity.HIGH,
    controls=("SATRE-1.5.05", "SATRE-3.2.01", "CYB-8.2h", "CYB-8.3b"),
    preview=Properties(
        {
            "aws:rds/cluster:Cluster": (
                *_LOGIN,
                must_not_be_set("masterPassword", broken="example"),
            ),
            "aws:rds/instance:Instance": (*_LOGIN, must_not_be_set("password", broken="example")),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `iam_database_authentication_enabled` and `manage_master_user_password`.",
)
