# shellcheck shell=bash
# Breaks a node on purpose, and fixes it again. Sourced by klab.
# shellcheck disable=SC2154 # KLAB, PATIENCE and the node functions come from klab and node.sh

fault_usage() {
  cat <<'USAGE'
Usage: klab fault kubelet stop|start NODE     stop or start kubelet
       klab fault ssh cut NODE                end every SSH session now (connections see a reset)
       klab fault ssh stop|start NODE         as above, and refuse new ones | accept them again
       klab fault net down|up NODE            unplug the node's cable (connections hang) | plug it in
       klab fault disk full NODE DIR [FREE]   DIR becomes a small file system with FREE bytes left (0)
       klab fault disk readonly NODE DIR      DIR becomes read-only
       klab fault disk heal NODE DIR          undo either (what was written to a full DIR is lost)
       klab fault user NODE NAME nopasswd|passwd|none [PASSWORD]
                                              a user with this lab's SSH key and that kind of sudo
       klab fault hostkey new|old NODE        sshd shows another host key | the one in known_hosts
       klab fault rights old|new NODE         apiserver-kubelet-client may do all (up to 1.28) | as since 1.36.1
       klab fault twin start|stop NODE        a process of another network namespace that looks like kube-apiserver
USAGE
}

# The listening sshd keeps its number in the node's own process namespace.
ssh_listener() { in_node "$1" cat /run/sshd.pid; }

fault_kubelet() {
  local action=$1 node=$2
  case $action in
    stop)
      in_node "$node" pkill -x -KILL kubelet || true
      wait_for 10 "the end of kubelet on $node" "$KLAB/$node/kubelet.log" in_node "$node" bash -c '! pgrep -x kubelet'
      ;;
    start)
      in_node "$node" pgrep -x kubelet >/dev/null || kubelet_start "$node"
      wait_for 60 "kubelet of $node" "$KLAB/$node/kubelet.log" \
        in_node "$node" curl -fsS http://127.0.0.1:10248/healthz
      ;;
    *) bad_fault ;;
  esac
}

start_sshd() {
  daemon "$1" sshd /usr/sbin/sshd -D -f /opt/klab/sshd_config -e
  wait_for 30 "sshd of $1" "$KLAB/$1/sshd.log" in_node "$1" bash -c "exec 3<>/dev/tcp/$(node_ip "$1")/22"
}

# Sessions are the processes below the listening sshd; the commands that they run live on, as on any node.
cut_sessions() {
  local sessions
  sessions=$(in_node "$1" pgrep -x sshd | grep -vx "$(ssh_listener "$1")") || return 0
  # shellcheck disable=SC2086 # several numbers
  in_node "$1" kill -9 $sessions 2>/dev/null || true
}

fault_ssh() {
  local action=$1 node=$2
  case $action in
    cut) cut_sessions "$node" ;;
    stop)
      local listener
      listener=$(ssh_listener "$node")
      in_node "$node" kill "$listener" 2>/dev/null || true
      wait_for 10 "the end of sshd on $node" "$KLAB/$node/sshd.log" in_node "$node" test ! -e /run/sshd.pid
      in_node "$node" pkill -9 -x sshd || true
      ;;
    start) in_node "$node" test -e /run/sshd.pid || start_sshd "$node" ;;
    *) bad_fault ;;
  esac
}

fault_net() {
  [ "$1" = up ] || [ "$1" = down ] || bad_fault
  ip link set "$(netns "$2")" "$1"
  # the bridge needs a moment to learn its port again
  [ "$1" = down ] || wait_for 30 "the way to $2" /dev/null bash -c "exec 3<>/dev/tcp/$(node_ip "$2")/22"
}

fault_disk() {
  local action=$1 node=$2 folder=$3 free=${4:-0}
  case $action in
    full)
      # its content is copied, then all but FREE bytes are taken; dot files are none of kubelet's business
      in_node "$node" bash -euc '
        folder=$1 free=$2 new=$(mktemp -d)
        size=$(( $(du -sk "$folder" | cut -f1) + 256 + free / 1024 ))
        mount -t tmpfs -o "size=${size}k,mode=$(stat -c %a "$folder")" klab-full "$new"
        cp -a "$folder/." "$new/"
        if [ "$free" -gt 0 ]; then head -c "$free" /dev/zero >"$new/.klab-free"; fi
        cat /dev/zero >"$new/.klab-fill" 2>/dev/null || true
        rm -f "$new/.klab-free"
        mount --move "$new" "$folder"
        rmdir "$new"' klab "$folder" "$free"
      ;;
    readonly)
      in_node "$node" mount --bind "$folder" "$folder"
      in_node "$node" mount -o remount,bind,ro "$folder"
      ;;
    heal) in_node "$node" umount "$folder" ;;
    *) bad_fault ;;
  esac
}

fault_user() {
  local node=$1 name=$2 kind=$3 password=${4:-} rule
  in_node "$node" id "$name" >/dev/null 2>&1 || in_node "$node" useradd --create-home --shell /bin/bash "$name"
  # through standard input: no password in a process list
  if [ -n "$password" ]; then
    printf '%s:%s\n' "$name" "$password" | in_node "$node" chpasswd
  else
    in_node "$node" usermod --password '*' "$name"
  fi
  case $kind in
    nopasswd) rule="$name ALL=(ALL) NOPASSWD: ALL" ;;
    passwd) rule="$name ALL=(ALL) ALL" ;;
    none) rule="# no sudo for $name" ;;
    *) bad_fault ;;
  esac
  echo "$rule" | in_node "$node" tee "/etc/sudoers.d/klab-$name" >/dev/null
  in_node "$node" chmod 0440 "/etc/sudoers.d/klab-$name"
}

fault_hostkey() {
  local action=$1 node=$2
  case $action in
    new)
      in_node "$node" bash -euc '
        cd /opt/klab
        [ -e hostkey.old ] || mv hostkey hostkey.old
        rm -f hostkey hostkey.pub
        ssh-keygen -qt ed25519 -N "" -f hostkey'
      ;;
    old) in_node "$node" bash -euc 'cd /opt/klab; [ ! -e hostkey.old ] || mv -f hostkey.old hostkey' ;;
    *) bad_fault ;;
  esac
  fault_ssh stop "$node"
  start_sshd "$node"
}

fault_rights() {
  [ "$1" = old ] || [ "$1" = new ] || bad_fault
  in_node "$2" bash -s "$1" <"$here/rights.sh"
}

# Seen in /proc by anybody who reads all of it, as the servers of `kind` nodes are on a machine that runs kind.
fault_twin() {
  local action=$1 node=$2
  in_node "$node" pkill -9 -f '^kube-apiserver --klab-twin' || true
  case $action in
    start)
      in_node "$node" bash -euc 'mkdir -p /opt/klab/twin; cp /opt/klab/bin/pause /opt/klab/twin/kube-apiserver'
      daemon "$node" twin unshare --net --mount bash -c 'exec -a kube-apiserver /opt/klab/twin/kube-apiserver \
        --klab-twin --secure-port=6443 --audit-policy-file=/twin/policy.yaml --audit-log-path=/twin/audit.log'
      wait_for 10 "the twin on $node" "$KLAB/$node/twin.log" in_node "$node" pgrep -f '^kube-apiserver --klab-twin'
      ;;
    stop) ;;
    *) bad_fault ;;
  esac
}

bad_fault() {
  fault_usage >&2
  exit 2
}

cmd_fault() {
  local what=${1:-help}
  shift || true
  case $what/$# in
    kubelet/2 | ssh/2 | net/2 | hostkey/2 | rights/2 | twin/2 | disk/3 | disk/4 | user/3 | user/4) "fault_$what" "$@" ;;
    help/0) fault_usage ;;
    *) bad_fault ;;
  esac
}
