"""Who the platform is, as one condition for every rule that lets nobody else do something."""

from __future__ import annotations

from typing import Final

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
