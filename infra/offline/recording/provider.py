"""`pulumi-resource-aws` and `pulumi-resource-azure-native` for previews: `provider NAME ENGINE`."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from typing import Any

from infra.offline.recording import checking, sdk
from infra.offline.recording.aws import Aws
from infra.offline.recording.azure import Azure
from infra.offline.recording.made import Cloud
from infra.offline.recording.resource import RecordedResource, refuse
from infra.plugins import Checked, serve

CLOUDS: dict[str, Cloud] = {"aws": Aws(), "azure-native": Azure()}


def main() -> None:
    name = sys.argv.pop(1)
    cloud = CLOUDS[name]
    settings: dict[str, Any] = {}

    @functools.cache
    def find(token: str) -> RecordedResource | None:
        shape = sdk.resource(cloud.package, token)
        return None if shape is None else RecordedResource(name, shape, cloud, lambda: settings)

    def check_config(options: dict[str, Any]) -> Checked:
        # All but texts come as JSON in a text, so names are all that can be told.
        known = sdk.provider_inputs(cloud.package).keys() | {"version", "pluginDownloadURL"}
        unknown = {key: value for key, value in options.items() if key not in known}
        return Checked(options, checking.failures(unknown, {}, of=f"the provider {name}"))

    def invoke(token: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        refuse(name, f"{token} asks a real account")

    version = importlib.metadata.version(cloud.package.replace("_", "-"))
    serve(name, version, find, settings.update, check_config=check_config, invoke=invoke)


if __name__ == "__main__":
    main()
