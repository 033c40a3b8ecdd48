# Asks this node's own API server what it knows of the cluster, and changes nothing. Follows lib.sh and client.sh.

# Every API server announces itself in the endpoints (pkg/controlplane/reconcilers/lease.go). One that was stopped
# withdraws that; its Node stays (kubeadm labels it: phases/markcontrolplane).
ask_each /api/v1/namespaces/kube-system/configmaps/kubeadm-config /api/v1/namespaces/default/endpoints/kubernetes \
  '/api/v1/nodes?labelSelector=node-role.kubernetes.io%2Fcontrol-plane'
# shellcheck disable=SC2086
set -- $CODES
field config.code "$1"
blob config.body "$ANSWER.1"
field servers.code "$2"
blob servers.body "$ANSWER.2"
field nodes.code "$3"
blob nodes.body "$ANSWER.3"

# in the answer the ClusterConfiguration is one JSON string; only a name that can be one is looked up
endpoint=$(sed -n 's/.*\\ncontrolPlaneEndpoint: *\\\{0,1\}["'\'']\{0,1\}\([]A-Za-z0-9.:[-]*\).*/\1/p' "$ANSWER.1" | head -n 1)
field endpoint "$endpoint"
name=${endpoint%:*}
name=${name#[}
name=${name%]}
if [ -n "$name" ] && have getent; then
  getent ahosts "$name" 2>/dev/null | while read -r address _; do echo "$address"; done | sort -u |
    while read -r address; do field endpoint.address "$address"; done
fi

# this node's own addresses, a VIP among them if it is here now; /proc/net, because `ip` may not be there
awk '/32 host LOCAL/ && !seen[last]++ { print last } { for (i = 1; i <= NF; i++) if ($i == "|--") last = $(i + 1) }' \
  /proc/net/fib_trie 2>/dev/null | while read -r address; do field address "$address"; done
if [ -r /proc/net/if_inet6 ]; then
  sed 's/ .*//; s/..../&:/g; s/:$//' /proc/net/if_inet6 | while read -r address; do field address "$address"; done
fi
field cluster ok
