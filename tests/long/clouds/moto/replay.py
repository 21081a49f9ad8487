"""Makes what an AWS stack declares in an account of moto's. Runs in moto's own environment.

Standard input is one line of JSON: the resources in the order of their making, each with type,
name and inputs. Standard output is two lines: where the account answers, and what was made, read
back from it. The account stays until standard input is closed.

Calls are ours, not the Pulumi provider's: what is shown is that the inputs make a whole that the
service takes, and that it says of itself afterwards what was meant.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from moto.server import ThreadedMotoServer

from tests.long.clouds.moto import compute, network, read_back, stores
from tests.long.clouds.moto.account import MAKERS, NOT_IN_MOTO, Account

#: Imported for what they register: how their types are made.
REGISTERED = (compute, network, stores)


def replay(account: Account, resources: list[dict[str, Any]]) -> Iterator[str]:
    """Makes them one after the other; tells the types that were left out."""
    for one in resources:
        maker = MAKERS.get(one["type"])
        if maker is None:
            yield one["type"]
            continue
        id_ = maker(account, one["name"], account.real(one["inputs"]))
        if id_ is not None:
            account.ids[one["type"], f"{one['name']}-id"] = id_


def put_controls(account: Account) -> list[str]:
    """Faults, made on purpose after everything was read back: a judge must find them."""
    s3 = account.client("s3")
    s3.create_bucket(
        Bucket="negative-control",
        CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name},
    )
    key_ = account.client("kms").create_key(Description="negative control")
    return ["negative-control", str(key_["KeyMetadata"]["KeyId"])]


def foreign(account: Account) -> list[str]:
    """What every account of moto's has from the start: a default network, open as AWS's is."""
    ec2 = account.client("ec2")
    default = [{"Name": "is-default", "Values": ["true"]}]
    vpcs = [str(one["VpcId"]) for one in ec2.describe_vpcs(Filters=default)["Vpcs"]]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": vpcs}])["Subnets"]
    return [*vpcs, *(str(one["SubnetId"]) for one in subnets)]


def main() -> None:
    """See the module."""
    plan = json.loads(sys.stdin.readline())
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    account = Account(endpoint, plan["region"])
    left_out = sorted(set(replay(account, plan["resources"])))
    report = {
        "endpoint": endpoint,
        "left_out": left_out,
        "reasons": NOT_IN_MOTO,
        "found": read_back.everything(account.client),
        "foreign": foreign(account),
    }
    report["controls"] = put_controls(account)
    print(json.dumps(report, default=str), flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
