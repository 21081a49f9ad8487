"""Azure's own rules over the lab's resource group, and its budget.

What is wrong is told by Azure as well, by somebody else's rules: built-in initiatives by their id
(https://github.com/Azure/azure-policy, folder built-in-policies).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.clouds.azure.place import Place
from infra.clouds.azure.sdk import authorization, consumption

_SETS = "/providers/Microsoft.Authorization/policySetDefinitions/"
_DEFINITIONS = "/providers/Microsoft.Authorization/policyDefinitions/"
#: Initiatives that look and tell.
INITIATIVES: Mapping[str, str] = {
    "Microsoft cloud security benchmark": f"{_SETS}1f3afdf9-d0c9-4c3d-847f-89da613e70a8",
    "CIS Azure Foundations Benchmark 3.0.0": f"{_SETS}470a962c-86a0-433b-803a-3c176b5ce79c",
    "ISO/IEC 27001:2022": f"{_SETS}5e4ff661-23bf-42fa-8e3a-309a55091cc7",
    "EU AI Act (Regulation 2024/1689)": f"{_SETS}1308bccf-446a-4283-a4e0-0c983fe7a572",
}
_ALLOWED_LOCATIONS = f"{_DEFINITIONS}e56962a6-4747-49cd-b67b-bf8b01975c4c"
_NO_PUBLIC_CARD = f"{_DEFINITIONS}83a86a26-fd1f-447c-b59d-e51f44264114"
_NOT_ALLOWED_TYPES = f"{_DEFINITIONS}6c112d4e-5bc7-47ae-a041-ea2d9dccd749"
#: Ways out and in that nothing of a lab needs.
WAYS_OUT = (
    "Microsoft.Network/applicationGateways",
    "Microsoft.Network/azureFirewalls",
    "Microsoft.Network/bastionHosts",
    "Microsoft.Network/natGateways",
    "Microsoft.Network/publicIPAddresses",
    "Microsoft.Network/publicIPPrefixes",
)


@dataclass(frozen=True, slots=True)
class GovernanceArgs:
    """`locations` are all that anything of the lab may be in. With `gateway` the lab has the one
    public address of a hybrid lab's tunnel, which no rule of Azure's can tell from another.
    """

    place: Place
    locations: Sequence[str]
    monthly_budget: int
    #: YYYY-MM
    budget_from: str
    owner: str
    gateway: bool = False


class Governance(pulumi.ComponentResource):
    """Policy assignments and the budget."""

    def __init__(self, args: GovernanceArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ailab:azure:Governance", args.place.name, {}, opts)
        self._place = args.place
        for title, initiative in INITIATIVES.items():
            self._assign(title, initiative)
        self._assign(
            "Allowed locations",
            _ALLOWED_LOCATIONS,
            {"listOfAllowedLocations": list(args.locations)},
        )
        if not args.gateway:
            self._assign("No network card has a public address", _NO_PUBLIC_CARD)
            self._assign(
                "No way to the internet",
                _NOT_ALLOWED_TYPES,
                {"listOfResourceTypesNotAllowed": list(WAYS_OUT)},
            )
        self._budget(args)
        self.register_outputs({})

    def _assign(
        self, title: str, definition: str, parameters: Mapping[str, Any] | None = None
    ) -> None:
        words = "".join(letter if letter.isalnum() else " " for letter in title.lower()).split()
        # Azure takes 64 characters.
        name = self._place.named("-".join(words))[:64]
        authorization.PolicyAssignment(
            name,
            policy_assignment_name=name,
            scope=self._place.group_id,
            policy_definition_id=definition,
            display_name=f"{title} ({self._place.name})",
            enforcement_mode="Default",
            parameters={
                key: authorization.ParameterValuesValueArgs(value=value)
                for key, value in (parameters or {}).items()
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _budget(self, args: GovernanceArgs) -> None:
        """Over the subscription by the lab's tag: AKS keeps its nodes in a group of their own."""

        def tell(kind: str, threshold: int) -> consumption.NotificationArgs:
            return consumption.NotificationArgs(
                enabled=True,
                operator="GreaterThanOrEqualTo",
                threshold=threshold,
                threshold_type=kind,
                contact_emails=[args.owner],
            )

        consumption.Budget(
            args.place.named("budget"),
            budget_name=args.place.named("budget"),
            scope=args.place.subscription_id,
            category="Cost",
            amount=args.monthly_budget,
            time_grain="Monthly",
            time_period=consumption.BudgetTimePeriodArgs(
                start_date=f"{args.budget_from}-01T00:00:00Z"
            ),
            filter=consumption.BudgetFilterArgs(
                tags=consumption.BudgetComparisonExpressionArgs(
                    name="lab", operator="In", values=[args.place.tags["lab"]]
                )
            ),
            notifications={"actual": tell("Actual", 80), "forecast": tell("Forecasted", 100)},
            opts=pulumi.ResourceOptions(parent=self),
        )
