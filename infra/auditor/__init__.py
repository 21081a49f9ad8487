"""The audit of a cluster's policies, from outside and from inside of it.

`observation` reads a cluster for an audit, whoever asks: `lab policies audit` on the lab's host, or
the policy auditor, a small Deployment in the cluster (`python -m infra.auditor`) that does it again
and again and shows what it found as metrics. It is in an image with few packages: nothing here may
import Pulumi, Ansible or what makes a lab.
"""
