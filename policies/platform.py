"""Who the platform is, as one condition for every rule that lets nobody else do something; and the
operator of sandboxes, which is let do some of it in namespaces of its own only.
"""

from __future__ import annotations

from typing import Final

from infra import naming

#: True of who makes and keeps the cluster:
#:
#: - whoever may change these policies. He could switch a rule off before he breaks it, so that
#:   refusing him would protect nothing; and it names nobody: kubeadm's administrators, an EKS
#:   access entry and an AKS administrator group are all found by what they may do.
#: - Kubernetes' own controllers, which work as service accounts of kube-system (Cilium's operator
#:   as well) or by the names of their certificates. Only the platform makes accounts there.
#: - EKS' own services: EKS lets nobody else have a name that begins so
#:   (https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html).
#:
#: Nodes are not the platform: a stolen kubelet's certificate must not open more than its node.
PLATFORM: Final = (
    "authorizer.group('admissionregistration.k8s.io').resource('validatingadmissionpolicies')"
    ".check('update').allowed()"
    " || request.userInfo.username in ['system:kube-controller-manager', 'system:kube-scheduler']"
    " || request.userInfo.username.startsWith('eks:')"
    " || (has(request.userInfo.groups)"
    " && 'system:serviceaccounts:kube-system' in request.userInfo.groups)"
)

#: What anybody may do is asked of RBAC by subresources of Sandbox that exist for that alone.
MAY: Final = (
    f"authorizer.group('{naming.LABEL_PREFIX}').resource('sandboxes')"
    ".subresource('{what}').check('{verb}').allowed()"
)
#: Files that enter or leave are approved by whoever has this right in the whole cluster: one that
#: was given in a sandbox's namespace does not count.
MAY_REVIEW: Final = (
    f"authorizer.group('{naming.LABEL_PREFIX}').resource('transfers')"
    ".subresource('approval').check('update').allowed()"
)
#: True of the operator of sandboxes: whoever may write what has become of one. The platform may,
#: too.
SANDBOX_OPERATOR: Final = MAY.format(what="status", verb="update")
#: True of the operator in a namespace of a sandbox that was asked for. A sandbox of the lab's
#: configuration, and everything else in the cluster, is not its own.
OWN_SANDBOX: Final = (
    "variables.sandbox_operator && "
    "(has(request.namespace) && request.namespace != '' ? request.namespace : request.name)"
    f".startsWith('{naming.sandbox_namespace(naming.REQUESTED_PREFIX)}')"
)
