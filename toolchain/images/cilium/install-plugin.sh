#!/bin/sh
# Puts the CNI plugins where the node's container runtime looks for them.
set -eu

target=${CNI_DIR:-${HOST_PREFIX:-/host}/opt/cni}/bin
mkdir -p "$target"

# A plugin is written beside its place and renamed, so that the runtime never starts half of one.
install_plugin() { # SOURCE
    name=${1##*/}
    cp "$1" "$target/.$name.new"
    mv -f "$target/.$name.new" "$target/$name"
    echo "installed $target/$name"
}

install_plugin /opt/cni/bin/cilium-cni
[ -e "$target/loopback" ] || install_plugin /cni/loopback
