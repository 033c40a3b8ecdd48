#!/bin/sh
[ "${1-}" = --version ] && echo "Kubernetes v@VERSION@" && exit
echo "kubelet: simulated, it answers --version only" >&2
exit 1
