#!/bin/sh
# Run when the agent stops: takes the network configuration away, so that no pod is started without
# a network, but only where the chart asks for it (on a mere restart the node keeps its network).
set -eu

read -r wanted 2>/dev/null </tmp/cilium/config-map/cni-uninstall || :
[ "${wanted:-false}" = true ] || exit 0

folder=${CNI_CONF_DIR:-${HOST_PREFIX:-/host}/etc/cni/net.d}
for file in "$folder"/*cilium*.conf "$folder"/*cilium*.conflist; do
    if [ -f "$file" ]; then
        rm -f "$file"
        echo "removed $file"
    fi
done
