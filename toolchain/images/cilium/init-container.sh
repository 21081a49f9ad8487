#!/bin/sh
# Cleans up after an earlier agent, where the chart's settings ask for it.
set -eu

if [ "${CILIUM_ALL_STATE:-false}" = true ]; then
    exec cilium-dbg post-uninstall-cleanup --force --all-state
fi
if [ "${CILIUM_BPF_STATE:-false}" = true ]; then
    exec cilium-dbg post-uninstall-cleanup --force --bpf-state
fi
