"""What a deletion certificate does not prove. Every certificate carries all of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from infra.evidence.records import Document


class Limit(Document):
    """One thing that is not proven; `id` stays the same when the words get better."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    text: str


#: Of every lab.
LIMITS = (
    Limit(
        id="backups",
        text="Copies of Vault, etcd and volumes from before the deletion were not touched. A copy "
        "of Vault's storage from then still holds the sandbox's key: with it and Vault's seal, old "
        "ciphertext can be read until that copy is destroyed as well.",
    ),
    Limit(
        id="snapshots",
        text="Snapshots and replicas below the cluster (a storage system's, a hypervisor's, a "
        "cloud provider's) were neither looked for nor removed.",
    ),
    Limit(
        id="storage-hardware",
        text="Drives remap blocks and keep spare ones that no operating system can reach. What lay "
        "there is protected only if the disk was encrypted, by the disk's key and not by this "
        "deletion.",
    ),
    Limit(
        id="memory",
        text="The memory of nodes and devices was not overwritten. What a kernel, a GPU or a page "
        "cache still held is gone when it is used again or loses power.",
    ),
    Limit(
        id="copies",
        text="What left the sandbox while it lived is not deleted: by the airlock, by permitted "
        "connections, by a person's own notes or screen.",
    ),
    Limit(
        id="logs",
        text="Audit logs of Kubernetes and Vault, flow logs and this evidence are kept on purpose. "
        "They name the sandbox and what was done, and should not hold its data.",
    ),
    Limit(
        id="observation",
        text="A sweep sees what the Kubernetes API, Vault and the nodes answer. That they, the "
        "firmware and the hardware told the truth cannot be proven from inside.",
    ),
    Limit(
        id="signer",
        text="The signature shows that the holder of the lab's evidence key said this, and the "
        "chain in which order. Who could use that key and also write the evidence store could have "
        "written another history; heads that were kept elsewhere show that.",
    ),
    Limit(
        id="clock",
        text="Times are those of the lab's own clocks; no outside authority has confirmed them.",
    ),
)
