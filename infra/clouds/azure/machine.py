"""A machine of the lab's own on Azure: for Vault, and for the end of a tunnel."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.clouds.azure.place import Place
from infra.clouds.azure.sdk import compute
from infra.config.grounds.azure import AzureImage, AzureVaultMachines


@dataclass(frozen=True, slots=True)
class VirtualMachineArgs:
    """`card` is the id of its network interface, `disk_encryption` of what encrypts its disk,
    `user` of the identity that it has, if any; `disk_size` is in GiB.
    """

    name: str
    place: Place
    spec: AzureVaultMachines
    zone: str
    card: pulumi.Input[str]
    disk_encryption: pulumi.Input[str]
    disk_size: int
    #: Whether the disk stays when the machine goes.
    keeps_disk: bool
    user: pulumi.Input[str] | None = None


def virtual_machine(
    args: VirtualMachineArgs, *, opts: pulumi.ResourceOptions
) -> compute.VirtualMachine:
    """Declares it: secure boot, encryption on its host and by the lab's key, nobody's agent."""
    return compute.VirtualMachine(
        args.name,
        vm_name=args.name,
        resource_group_name=args.place.group,
        location=args.place.location,
        zones=[args.zone],
        hardware_profile=compute.HardwareProfileArgs(vm_size=args.spec.vm_size),
        identity=None
        if args.user is None
        else compute.VirtualMachineIdentityArgs(
            type=compute.ResourceIdentityType.USER_ASSIGNED, user_assigned_identities=[args.user]
        ),
        network_profile=compute.NetworkProfileArgs(
            network_interfaces=[
                compute.NetworkInterfaceReferenceArgs(
                    id=args.card, primary=True, delete_option="Detach"
                )
            ]
        ),
        os_profile=_access(args.name, args.spec),
        security_profile=compute.SecurityProfileArgs(
            security_type="TrustedLaunch",
            encryption_at_host=True,
            uefi_settings=compute.UefiSettingsArgs(secure_boot_enabled=True, v_tpm_enabled=True),
        ),
        storage_profile=compute.StorageProfileArgs(
            image_reference=_image_reference(args.spec.image),
            os_disk=compute.OSDiskArgs(
                name=args.name,
                create_option="FromImage",
                caching=compute.CachingTypes.READ_WRITE,
                disk_size_gb=args.disk_size,
                delete_option="Detach" if args.keeps_disk else "Delete",
                managed_disk=compute.ManagedDiskParametersArgs(
                    storage_account_type="Premium_LRS",
                    disk_encryption_set=compute.DiskEncryptionSetParametersArgs(
                        id=args.disk_encryption
                    ),
                ),
            ),
        ),
        diagnostics_profile=compute.DiagnosticsProfileArgs(
            boot_diagnostics=compute.BootDiagnosticsArgs(enabled=True)
        ),
        tags=args.place.tags,
        opts=opts,
    )


def _access(name: str, spec: AzureVaultMachines) -> compute.OSProfileArgs:
    """One user, one key, no password, and no agent that could run something else."""
    user = spec.ssh.user
    return compute.OSProfileArgs(
        computer_name=name,
        admin_username=user,
        allow_extension_operations=False,
        linux_configuration=compute.LinuxConfigurationArgs(
            disable_password_authentication=True,
            provision_vm_agent=True,
            ssh=compute.SshConfigurationArgs(
                public_keys=[
                    compute.SshPublicKeyArgs(
                        path=f"/home/{user}/.ssh/authorized_keys", key_data=spec.ssh_public_key
                    )
                ]
            ),
        ),
    )


def _image_reference(image: AzureImage) -> compute.ImageReferenceArgs:
    """Azure's words for an image."""
    if image.gallery_version is not None:
        return compute.ImageReferenceArgs(id=image.gallery_version)
    return compute.ImageReferenceArgs(
        publisher=image.publisher, offer=image.offer, sku=image.sku, version=image.version
    )
