# Asks this node's own API server what it knows of the cluster, and changes nothing. Follows lib.sh and client.sh.

ask GET /api/v1/namespaces/kube-system/configmaps/kubeadm-config
field config.code "$CODE"
blob config.body "$ANSWER"
# in the answer the ClusterConfiguration is one JSON string; only a name that can be one is looked up
endpoint=$(sed -n 's/.*\\ncontrolPlaneEndpoint: *\\\{0,1\}["'\'']\{0,1\}\([]A-Za-z0-9.:[-]*\).*/\1/p' "$ANSWER" | head -n 1)
field endpoint "$endpoint"
name=${endpoint%:*}
name=${name#[}
name=${name%]}
if [ -n "$name" ] && have getent; then
  getent ahosts "$name" 2>/dev/null | while read -r address _; do echo "$address"; done | sort -u |
    while read -r address; do field endpoint.address "$address"; done
fi

# every API server announces itself here (pkg/controlplane/reconcilers/lease.go)
ask GET /api/v1/namespaces/default/endpoints/kubernetes
field servers.code "$CODE"
blob servers.body "$ANSWER"

# a server that was stopped withdraws that; its Node stays (kubeadm labels it: phases/markcontrolplane)
ask GET '/api/v1/nodes?labelSelector=node-role.kubernetes.io%2Fcontrol-plane'
field nodes.code "$CODE"
blob nodes.body "$ANSWER"

# this node's own addresses, a VIP among them if it is here now; /proc/net, because `ip` may not be there
awk '/32 host LOCAL/ && !seen[last]++ { print last } { for (i = 1; i <= NF; i++) if ($i == "|--") last = $(i + 1) }' \
  /proc/net/fib_trie 2>/dev/null | while read -r address; do field address "$address"; done
if [ -r /proc/net/if_inet6 ]; then
  while read -r hex _; do
    field address "$(echo "$hex" | sed 's/..../&:/g; s/:$//')"
  done </proc/net/if_inet6
fi
field cluster ok
