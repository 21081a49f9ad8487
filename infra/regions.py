"""Where in the world clouds have their regions: configurations and policies both ask."""

from __future__ import annotations

from typing import Final

#: Regions of AWS in the Union
#: (https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html); London and
#: Zurich are not.
AWS_REGIONS: Final = (
    "eu-central-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-3",
    "eusc-de-east-1",
)
#: Regions of Azure in the Union (https://learn.microsoft.com/azure/reliability/regions-list); not
#: those of Norway, Switzerland and the United Kingdom.
AZURE_REGIONS: Final = (
    "austriaeast",
    "belgiumcentral",
    "denmarkeast",
    "francecentral",
    "francesouth",
    "germanynorth",
    "germanywestcentral",
    "italynorth",
    "northeurope",
    "polandcentral",
    "spaincentral",
    "swedencentral",
    "swedensouth",
    "westeurope",
)
