"""Everything that is done in the account and to objects is recorded."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.clouds import decided
from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_SELECTORS = "advancedEventSelectors"


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    found = decided(properties, _SELECTORS) or []
    fields = [field for one in found for field in one.get("fieldSelectors", [])]
    recorded = {
        category
        for field in fields
        if field.get("field") == "eventCategory"
        for category in field.get("equals", [])
    }
    for category, what in {
        "Management": "what is done to the account",
        "Data": "who reads and writes objects",
    }.items():
        if category not in recorded:
            yield f"{_SELECTORS}: {what} is not recorded"
    if any(field.get("field") == "readOnly" for field in fields):
        yield f"{_SELECTORS}: only reads or only writes are recorded"


def _nothing(properties: dict[str, Any]) -> None:
    properties[_SELECTORS] = []


def _no_data(properties: dict[str, Any]) -> None:
    properties[_SELECTORS] = properties[_SELECTORS][:1]


def _no_management(properties: dict[str, Any]) -> None:
    properties[_SELECTORS] = properties[_SELECTORS][1:]


def _writes_only(properties: dict[str, Any]) -> None:
    for one in properties[_SELECTORS]:
        one["fieldSelectors"].append({"field": "readOnly", "equals": ["false"]})


RULE = Rule(
    id="aws-account-trail",
    title="The account's trail records all that is done to it, and who reads and writes objects, "
    "in every region, so that nobody can change it unseen.",
    reason="Without it nobody can say who read a data set; a trail of one region is walked around "
    "in another.",
    severity=Severity.HIGH,
    controls=(
        "SATRE-2.2.14",
        "SATRE-2.5.03",
        "CYB-8.2n",
        "EUDPR-33.1b-integrity",
        "AIA-4a.1c",
        "AIA-59.1h",
    ),
    preview=Properties(
        {
            "aws:cloudtrail/trail:Trail": (
                must_be("enableLogFileValidation", True, safe=True),
                must_be("enableLogging", True, safe=True),
                must_be("includeGlobalServiceEvents", True, safe=True),
                must_be("isMultiRegionTrail", True, safe=True),
            ),
        },
        check=_check,
        broken=(_nothing, _no_data, _no_management, _writes_only),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Select the categories Management and Data, with file validation, for all regions.",
)
