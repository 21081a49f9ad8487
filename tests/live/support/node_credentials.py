"""What a thief of a kubelet's credentials would try, as a script for the node's own Python.

Arguments: API server, name of the own node, name of another node. Everything is a dry run.
Prints JSON: what was tried -> status code and message.
"""

from __future__ import annotations

SCRIPT = """
import json, ssl, sys, urllib.error, urllib.request

endpoint, own, other = sys.argv[1:]
context = ssl.create_default_context(cafile="/etc/kubernetes/pki/ca.crt")
context.load_cert_chain("/var/lib/kubelet/pki/kubelet-client-current.pem")

def call(method, path, body=None):
    request = urllib.request.Request(
        f"{endpoint}{path}", method=method, data=json.dumps(body).encode() if body else None,
        headers={"Content-Type": "application/merge-patch+json" if method == "PATCH"
                 else "application/json"})
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return f"{error.code} {json.load(error).get('message', '')[:200]}"

def label(node, key):
    return call("PATCH", f"/api/v1/nodes/{node}?dryRun=All",
                {"metadata": {"labels": {key: "checked"}}})

print(json.dumps({
    "own": label(own, "lab-verify"),
    "label another node": label(other, "lab-verify"),
    "take a restricted label": label(own, "node-restriction.kubernetes.io/lab-verify"),
    "delete another node": call("DELETE", f"/api/v1/nodes/{other}?dryRun=All"),
    "read all secrets": call("GET", "/api/v1/secrets?limit=1"),
    "make a pod elsewhere": call("POST", "/api/v1/namespaces/kube-system/pods?dryRun=All", {
        "apiVersion": "v1", "kind": "Pod", "metadata": {
            "name": "lab-verify", "annotations": {"kubernetes.io/config.mirror": "x"}},
        "spec": {"nodeName": other, "containers": [{"name": "c", "image": "none"}]}}),
}))
"""
