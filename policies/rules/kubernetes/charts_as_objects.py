"""Nothing is deployed whose objects nobody sees before.

A Release hands a chart to Helm, which makes the objects itself: for the engine, and so for every
other rule before deployment, it is one resource without members
(https://www.pulumi.com/registry/packages/kubernetes/api-docs/helm/v3/release/). The API server
judges the objects all the same, when some of them are there already.
"""

from policies.properties import Properties
from policies.rule import NotHere, Refreshed, Rule, Severity

RULE = Rule(
    id="charts-as-objects",
    title="Charts are deployed as the objects that they consist of, never as a release of Helm's.",
    reason="What Helm installs by itself is in no preview: a privileged pod of a chart would be "
    "found when half of the chart is there.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.12", "CYB-8.2k"),
    preview=Properties(
        {},
        forbidden={"kubernetes:helm.sh/v3:Release": {"chart": "example", "namespace": "example"}},
    ),
    admission=NotHere("Helm asks for each object by itself; the rules about these decide."),
    live=Refreshed(),
    remedy="Use pulumi_kubernetes.helm.v4.Chart with the same chart and values, or "
    "yaml.v2.ConfigGroup with what `helm template` writes.",
)
