"""What holds for the whole account: threat detection, defaults that close, and the budget.

The lab has an account of its own (docs/adr/0011-aws.md), so these are its own to set.
"""

from __future__ import annotations

import pulumi

from infra.clouds.aws.keys import CustomerKey
from infra.clouds.aws.place import Part, Place
from infra.clouds.aws.sdk import accessanalyzer, budgets, ebs, ec2, guardduty, s3

#: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty-features-activation-model.html
_FEATURES = (
    "EBS_MALWARE_PROTECTION",
    "EKS_AUDIT_LOGS",
    "RDS_LOGIN_EVENTS",
    "RUNTIME_MONITORING",
    "S3_DATA_EVENTS",
)
#: Agents that GuardDuty would install by itself.
_AGENTS = ("EC2_AGENT_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EKS_ADDON_MANAGEMENT")
#: The owner is told when this share (per cent) is spent, and when all of it is forecast to be.
_WARNING = 80


class Guard(Part):
    """GuardDuty, Access Analyzer, and the account's defaults."""

    def __init__(
        self,
        place: Place,
        *,
        volumes_key: CustomerKey,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Guard", place, opts)
        self._detect()
        accessanalyzer.Analyzer(
            place.name("outside-access"),
            analyzer_name=place.name("outside-access"),
            type="ACCOUNT",
            tags=place.tags(place.name("outside-access")),
            opts=self.made(),
        )
        s3.AccountPublicAccessBlock(
            place.name("account"),
            account_id=place.account,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.made(),
        )
        ebs.EncryptionByDefault(place.name("account"), enabled=True, opts=self.made())
        ebs.DefaultKmsKey(place.name("account"), key_arn=volumes_key.arn, opts=self.made())
        ebs.SnapshotBlockPublicAccess(
            place.name("account"), state="block-all-sharing", opts=self.made()
        )
        ec2.InstanceMetadataDefaults(
            place.name("account"),
            http_endpoint="enabled",
            http_tokens="required",
            http_put_response_hop_limit=1,
            opts=self.made(),
        )
        ec2.SerialConsoleAccess(place.name("account"), enabled=False, opts=self.made())
        self.register_outputs({})

    def _detect(self) -> None:
        detector = guardduty.Detector(
            self.place.name("detector"),
            enable=True,
            finding_publishing_frequency="FIFTEEN_MINUTES",
            tags=self.place.tags(self.place.name("detector")),
            opts=self.made(),
        )
        for feature in _FEATURES:
            # The agent is an add-on of the cluster, by version (cluster.py), and reports through
            # the lab's own endpoint.
            agents = [
                guardduty.DetectorFeatureAdditionalConfigurationArgs(name=name, status="DISABLED")
                for name in _AGENTS
            ]
            guardduty.DetectorFeature(
                self.place.name(feature.lower().replace("_", "-")),
                detector_id=detector.id,
                name=feature,
                status="ENABLED",
                additional_configurations=agents if feature == "RUNTIME_MONITORING" else None,
                opts=self.made(),
            )


class Budget(Part):
    """Tells the owner before more is spent than was meant.

    AWS counts in US dollars whatever the invoice is in; the same figure is taken, which warns
    early as long as a euro is worth more.
    """

    def __init__(
        self, place: Place, *, monthly: int, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("Budget", place, opts)
        budgets.Budget(
            place.name("month"),
            name=place.name("month"),
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(monthly),
            limit_unit="USD",
            notifications=[
                budgets.BudgetNotificationArgs(
                    comparison_operator="GREATER_THAN",
                    threshold_type="PERCENTAGE",
                    subscriber_email_addresses=[place.owner],
                    notification_type=kind,
                    threshold=threshold,
                )
                for kind, threshold in (("ACTUAL", _WARNING), ("FORECASTED", 100))
            ],
            tags=place.tags(place.name("month")),
            opts=self.made(),
        )
        self.register_outputs({})
