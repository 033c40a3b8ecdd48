# shellcheck shell=bash
# One node of the lab: its namespaces, its daemons, its life and its end. Sourced by klab, which sets
# KLAB, OUT, PATIENCE, NET, TAG, BRIDGE and COUNT.
# shellcheck disable=SC2154 # they are set there

say() { echo "klab: $*" >&2; }

# die MESSAGE [LOG]: one sentence, and the end of the log that explains it.
die() {
  say "$1"
  if [ -n "${2:-}" ]; then
    say "the last lines of $2:"
    tail -n 25 "$2" 2>/dev/null | sed 's/^/  | /' >&2
  fi
  exit 1
}

# wait_for SECONDS WHAT LOG CMD...: until CMD succeeds, or die with LOG's last lines.
wait_for() {
  local seconds=$(($1 * PATIENCE)) what=$2 log=$3 deadline
  shift 3
  deadline=$((SECONDS + seconds))
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || die "$what did not happen within $seconds s" "$log"
    sleep 0.2
  done
}

node_ip() { echo "$NET.1${1#cp}"; }
# What kubeadm calls controlPlaneEndpoint: with one node its address; with more a second address that cp1 carries,
# like the virtual one of keepalived or kube-vip.
endpoint() { if [ "$COUNT" -eq 1 ]; then node_ip cp1; else echo "$NET.100"; fi; }
netns() { echo "$TAG-$1"; }

# The first process of a node, if it lives: its number could belong to another process after a crash.
node_pid() {
  local pid
  pid=$(cat "$KLAB/$1/pid" 2>/dev/null) && [ -n "$pid" ] || return 1
  [ "$(stat -Lc %i "/proc/$pid/ns/net" 2>/dev/null)" = "$(stat -Lc %i "/run/netns/$(netns "$1")" 2>/dev/null)" ] &&
    echo "$pid"
}

# in_node NODE CMD...: with a clean environment, and no descriptor of the lock.
in_node() {
  local node=$1 pid
  shift
  [ $# -gt 0 ] || die "klab exec NODE CMD..."
  pid=$(node_pid "$node") || die "$node is not running in $KLAB"
  nsenter -t "$pid" -m -u -n -p -w/root -- env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
    PATH=/opt/klab/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    KUBECONFIG=/etc/kubernetes/admin.conf "$@" 9>&-
}

# daemon NODE NAME CMD...: in the background, away from this terminal; its output goes to the state folder.
daemon() {
  local node=$1 name=$2
  shift 2
  in_node "$node" setsid --fork "$@" </dev/null >>"$KLAB/$node/$name.log" 2>&1
}

# Folders that a node has for itself. /tmp comes last: the state folder may be in it.
own_folders="/opt/cni /var/lib/kubelet /var/lib/etcd /var/lib/containerd /var/lib/cni /var/lib/kaudit-setup
  /var/log /run /root /home /var/tmp /tmp"

boot_node() {
  local node=$1 ns fs=$KLAB/$1/fs folder line
  ns=$(netns "$node")
  mkdir -p "$fs/opt/klab/bin" "$fs/etc"
  for folder in $own_folders; do mkdir -p "$fs$folder" "$folder"; done
  mkdir -p "$fs/run/sshd" "$fs/run/lock" /opt/klab
  chmod 1777 "$fs/tmp" "$fs/var/tmp" "$fs/run/lock"
  chmod 0700 "$fs/root" "$fs/var/lib/etcd"
  # its own /etc: users, sudoers, hosts, and all that Kubernetes keeps there
  tar -C /etc --exclude=./kubernetes --exclude=./cni -cf - . | tar -C "$fs/etc" -xpf -
  mkdir -p "$fs/etc/kubernetes" "$fs/etc/cni/net.d"
  printf '127.0.0.1 localhost\n%s %s\n' "$(node_ip "$node")" "$node" >"$fs/etc/hosts"
  echo "$node" >"$fs/etc/hostname"
  # nobody answers there, and says so at once: kubelet would wait 5 s for a name server that cannot be reached
  rm -f "$fs/etc/resolv.conf"
  echo 'nameserver 127.0.0.1' >"$fs/etc/resolv.conf"
  node_files "$node" "$fs"

  ip netns add "$ns"
  ip link add "$ns" type veth peer name eth0 netns "$ns"
  ip link set "$ns" master "$BRIDGE" up
  ip -n "$ns" link set lo up
  ip -n "$ns" link set eth0 up
  ip -n "$ns" addr add "$(node_ip "$node")/24" dev eth0
  [ "$node" != cp1 ] || [ "$COUNT" -eq 1 ] || ip -n "$ns" addr add "$(endpoint)/24" dev eth0
  ip -n "$ns" route add default via "$NET.1"
  # kubelet asks there whether it runs in a cloud, and would wait 11 s for no answer
  ip -n "$ns" route add unreachable 169.254.0.0/16

  # the node's first process says when its world is ready: no guessing
  mkfifo "$KLAB/$node/ready"
  nsenter --net="/run/netns/$ns" setsid --fork unshare --mount --uts --pid --fork --propagation private \
    bash -euc "$first_process" klab "$node" "$KLAB/$node" "$OUT" "$own_folders" \
    </dev/null >"$KLAB/$node/boot.log" 2>&1 9>&-
  read -r -t "$((30 * PATIENCE))" line <>"$KLAB/$node/ready" || die "$node did not start" "$KLAB/$node/boot.log"
  [ "$line" = ready ] || die "$node did not start: $line" "$KLAB/$node/boot.log"

  daemon "$node" sshd /usr/sbin/sshd -D -f /opt/klab/sshd_config -e
  wait_for 30 "sshd of $node" "$KLAB/$node/sshd.log" in_node "$node" bash -c "exec 3<>/dev/tcp/$(node_ip "$node")/22"
  daemon "$node" containerd containerd -c /opt/klab/containerd.toml
  wait_for 60 "containerd of $node" "$KLAB/$node/containerd.log" in_node "$node" ctr version
  for image in "$OUT"/img/*.tar; do
    in_node "$node" ctr -n k8s.io images import - <"$image" >/dev/null 2>"$KLAB/$node/import.log" ||
      die "$image was not imported on $node" "$KLAB/$node/import.log"
  done
}

# Runs as process 1 of a node. The number by which the machine knows it stands in the old /proc.
# shellcheck disable=SC2016 # the inner shell expands it
first_process='
  node=$1 state=$2 out=$3 folders=$4
  trap '\''echo "its first process failed" >"$state/ready"'\'' ERR
  read -r pid _ </proc/self/stat
  echo "$pid" >"$state/pid"
  mount -t proc proc /proc
  hostname "$node"
  mount --bind "$state/fs/opt/klab" /opt/klab
  mount --bind "$out/bin" /opt/klab/bin
  exec 7>"$state/ready"
  mount --bind "$state/fs/etc" /etc
  for folder in $folders; do mount --bind "$state/fs$folder" "$folder"; done
  mkdir -p /run/netns
  echo ready >&7
  exec 7>&-
  cd /
  exec /opt/klab/bin/pause
'

# The files of a node's daemons, in /opt/klab.
node_files() {
  local node=$1 fs=$2 opt=$2/opt/klab
  ssh-keygen -qt ed25519 -N '' -C "$node" -f "$opt/hostkey"
  echo "$(node_ip "$node") $(cut -d' ' -f1,2 "$opt/hostkey.pub")" >"$KLAB/$node/known_host"
  cp "$KLAB/id.pub" "$opt/authorized_keys"
  cat >"$opt/sshd_config" <<CONFIG
Port 22
ListenAddress $(node_ip "$node")
HostKey /opt/klab/hostkey
AuthorizedKeysFile /opt/klab/authorized_keys
PasswordAuthentication no
PermitRootLogin yes
StrictModes no
UsePAM no
PidFile /run/sshd.pid
Subsystem sftp internal-sftp
MaxStartups 200:30:400
MaxSessions 100
CONFIG
  # native: the folder tree may lie on an overlay already; restrict_oom_score_adj: machines that forbid negative scores
  cat >"$opt/containerd.toml" <<CONFIG
version = 2
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "k8s.gcr.io/pause:3.2"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
CONFIG
  # a bridge for Pods inside the node, so that the node is Ready and Pods really run
  cat >"$fs/etc/cni/net.d/10-klab.conflist" <<CONFIG
{"cniVersion": "0.4.0", "name": "klab", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true,
 "ipMasq": false, "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam",
 "ranges": [[{"subnet": "10.214.${node#cp}.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
CONFIG
  cat >"$fs/var/lib/kubelet/config.yaml" <<CONFIG
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
staticPodPath: /etc/kubernetes/manifests
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}}
authorization: {mode: Webhook}
evictionHard: {nodefs.available: "1%", imagefs.available: "1%", memory.available: 100Mi}
CONFIG
  kubeadm_config "$node" >"$opt/kubeadm.yaml"
}

kubeadm_config() {
  local node=$1 etcd='' names
  names=$(for n in $(nodes); do printf '"%s", ' "$(node_ip "$n")"; done)
  [ "$COUNT" -eq 1 ] || etcd="etcd: {external: {endpoints: [\"http://$(node_ip cp1):12379\"]}}"
  cat <<CONFIG
apiVersion: kubeadm.k8s.io/v1beta2
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: $(node_ip "$node"), bindPort: 6443}
nodeRegistration: {name: $node, criSocket: unix:///run/containerd/containerd.sock}
---
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterConfiguration
kubernetesVersion: $(cat "$OUT/version")
controlPlaneEndpoint: $(endpoint):6443
apiServer: {certSANs: [${names%, }]}
$etcd
CONFIG
}

start_shared_etcd() {
  local url
  url=http://$(node_ip cp1):12379
  daemon cp1 etcd etcd --data-dir=/var/lib/etcd/shared --listen-client-urls="$url" --advertise-client-urls="$url" \
    --listen-peer-urls=http://127.0.0.1:12380
  wait_for 30 "the shared etcd" "$KLAB/cp1/etcd.log" in_node cp1 curl -fsS "$url/health"
}

kubeadm_phase() {
  local node=$1
  shift
  in_node "$node" kubeadm init phase "$@" --config /opt/klab/kubeadm.yaml >>"$KLAB/$node/kubeadm.log" 2>&1 ||
    die "kubeadm init phase $* failed on $node" "$KLAB/$node/kubeadm.log"
}

kubelet_start() {
  daemon "$1" kubelet kubelet --config=/var/lib/kubelet/config.yaml --kubeconfig=/etc/kubernetes/kubelet.conf \
    --container-runtime=remote --container-runtime-endpoint=unix:///run/containerd/containerd.sock \
    --hostname-override="$1" --node-ip="$(node_ip "$1")"
}

kube() {
  local node=$1
  shift
  in_node "$node" kubectl --server "https://$(node_ip "$node"):6443" --request-timeout=10s "$@"
}

node_ready() { node_pid "$1" >/dev/null && kube "$1" get --raw /readyz >/dev/null 2>&1; }

start_control_plane() {
  local node=$1 pki=$KLAB/$1/fs/etc/kubernetes/pki name
  if [ "$node" != cp1 ]; then
    mkdir -p "$pki"
    for name in ca sa front-proxy-ca; do cp -p "$KLAB"/cp1/fs/etc/kubernetes/pki/"$name".* "$pki/"; done
  fi
  kubeadm_phase "$node" certs all
  kubeadm_phase "$node" kubeconfig all
  [ "$COUNT" -gt 1 ] || kubeadm_phase "$node" etcd local
  kubeadm_phase "$node" control-plane all
  mkdir -p "$KLAB/$node/fs/root/.kube"
  cp -p "$KLAB/$node/fs/etc/kubernetes/admin.conf" "$KLAB/$node/fs/root/.kube/config"
  kubelet_start "$node"
  [ "$node" != cp1 ] || wait_for 120 "the API server of cp1" "$KLAB/cp1/kubelet.log" node_ready cp1
}

# What a node needs before it can be used: its server ready, itself Ready and schedulable, kubeadm's ConfigMaps.
finish_node() {
  local node=$1
  wait_for 180 "the API server of $node" "$KLAB/$node/kubelet.log" node_ready "$node"
  kubeadm_phase "$node" upload-config all
  in_node "$node" bash -s new <"$here/rights.sh" >>"$KLAB/$node/kubeadm.log" 2>&1 ||
    die "the rights of the client certificate of $node" "$KLAB/$node/kubeadm.log"
  wait_for 120 "node $node being Ready" "$KLAB/$node/kubelet.log" \
    kube "$node" wait --for=condition=Ready "node/$node" --timeout=1s
  # as kubeadm's phase mark-control-plane has them, without the taint that would keep Pods away
  kube "$node" label node "$node" node-role.kubernetes.io/master= node-role.kubernetes.io/control-plane= >/dev/null ||
    die "$node could not be labelled" "$KLAB/$node/kubelet.log"
  wait_for 60 "the default service account" "$KLAB/$node/kubelet.log" kube "$node" get serviceaccount default
}

# Ends a node. Its processes live in one process namespace: they all end with its first process, whatever happened.
kill_node() {
  local node=$1 pid ns cgroup id deadline
  ns=$(netns "$node")
  for pid in $(node_pid "$node") $(ip netns pids "$ns" 2>/dev/null); do kill -9 "$pid" 2>/dev/null || true; done
  deadline=$((SECONDS + 30 * PATIENCE))
  while [ -n "$(ip netns pids "$ns" 2>/dev/null)" ]; do
    [ "$SECONDS" -lt "$deadline" ] || die "processes of $node do not end: $(ip netns pids "$ns" | paste -sd' ')"
    sleep 0.1
  done
  ip netns del "$ns" 2>/dev/null || true
  ip link del "$ns" 2>/dev/null || true
  # nobody is left to remove the containers' cgroups
  for id in "$KLAB/$node"/fs/run/containerd/io.containerd.runtime.v2.task/k8s.io/*; do
    for cgroup in /sys/fs/cgroup/k8s.io/"${id##*/}" /sys/fs/cgroup/*/k8s.io/"${id##*/}"; do
      [ ! -d "$cgroup" ] || wait_for 10 "the end of cgroup $cgroup" /dev/null rmdir "$cgroup"
    done
  done
}
