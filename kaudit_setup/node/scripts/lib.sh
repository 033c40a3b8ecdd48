# Shared by every script that runs on a node. POSIX sh, run as root (or as anybody, on a folder).
# R is the node's root folder: empty on a real node. Answers are frames, `key length\nbytes\n`, so that no name
# and no file content can be mistaken for another.
set -u
umask 077
R=${KAUDIT_ROOT-}
STATE=$R/var/lib/kaudit-setup
# what root's environment may hold must not change what is asked, nor what is found
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY CURL_HOME CURL_CA_BUNDLE SSL_CERT_FILE \
  SSL_CERT_DIR SSLKEYLOGFILE OPENSSL_CONF KUBECONFIG GREP_OPTIONS GREP_COLORS CDPATH POSIXLY_CORRECT
KUBERC=off
export KUBERC

field() { printf '%s %d\n%s\n' "$1" "${#2}" "$2"; }
have() { command -v "$1" >/dev/null 2>&1; }
uptime_s() { IFS=' .' read -r _up _ </proc/uptime && echo "$_up"; }
now_utc() { date -u +%Y-%m-%dT%H:%M:%SZ; }
sha_of() { if [ -f "$1" ]; then _sum=$(sha256sum <"$1") && echo "${_sum%% *}"; else echo absent; fi; }
# a whole-system sync where this `sync` takes no file
sync_path() { sync "$@" 2>/dev/null || sync; }
# the folder that holds a path, in ABOVE: dirname without a process of its own
above() {
  case $1 in */*) ABOVE=${1%/*} ;; *) ABOVE=. ;; esac
  ABOVE=${ABOVE:-/}
}
# With a root folder nothing outside of it is read or written: a link on the way may lead to this machine's own files.
inside() { # path: whether it stays below $R, links followed as far as it exists
  [ -n "$R" ] || return 0
  _deep=$R$1
  while [ ! -e "$_deep" ] && [ ! -L "$_deep" ]; do above "$_deep" && _deep=$ABOVE; done
  _deep=$(readlink -f "$_deep") || return 1
  case $_deep/ in "$R"/*) ;; *) return 1 ;; esac
}
nap() { sleep 0.1 2>/dev/null || sleep 1; }
blink() { sleep 0.02 2>/dev/null || sleep 1; }

# A new file of this script's own, or with -d a folder, in memory where there is such a place: the disk may be full, and
# a change may be what is needed then.
scratch() {
  for _dir in /dev/shm /run "${TMPDIR:-/tmp}"; do
    mktemp "$@" "$_dir/kaudit.XXXXXX" 2>/dev/null && return
  done
  return 1
}
# FILE's bytes as a frame; the length is fixed first, so that a growing file cannot break the frame
blob() { # key file [length]
  _n=${3:-$(wc -c <"$2")} && [ -n "$_n" ] || return 1
  printf '%s %d\n' "$1" "$_n"
  head -c "$_n" "$2"
  echo
}

# Whether the process (its proc folder) can only have been started by root: a name is a claim that anybody can make.
# It runs as whoever asks (root on a node), and kubelet not inside a Pod. A kube-apiserver of another user
# (runAsUser) counts only inside a Pod's cgroup, into which kubelet alone puts processes.
ME=$(id -u)
trusted() { # proc-folder name
  _pod='' _uids=''
  while read -r _line; do
    case $_line in *kubepods*) _pod=yes ;; esac
  done 2>/dev/null <"$1/cgroup"
  if [ "$2" = kubelet ] && [ "$_pod" = yes ]; then return 1; fi
  if [ "$2" = kube-apiserver ] && [ "$_pod" = yes ]; then return 0; fi
  # real, effective, saved and file system user (proc(5)); a process that changed only one of them is not root's
  while read -r _key _line; do
    if [ "$_key" = Uid: ]; then _uids=$_line; fi
  done 2>/dev/null <"$1/status"
  # shellcheck disable=SC2086
  set -- $_uids
  [ "$*" = "$ME $ME $ME $ME" ]
}

# A process's command line, a word a line, in WORDS; false where there is none any more.
NEWLINE='
'
words_of() { # proc-folder
  WORDS=$(2>/dev/null tr '\0' '\n' <"$1/cmdline") && [ -n "$WORDS" ]
}

# PIDs of this node's processes of that name that can be believed. On a machine that holds several nodes' network
# namespaces, a kube-apiserver is ours if it shares our network: it is a hostNetwork Pod, as kubelet is a host process.
pids_of() {
  _net=$(readlink /proc/self/ns/net)
  for _c in $(grep -ls -- "$1" "$R"/proc/[0-9]*/cmdline); do
    _p=${_c%/cmdline}
    words_of "$_p" || continue
    _first=${WORDS%%"$NEWLINE"*}
    [ "${_first##*/}" = "$1" ] || continue
    if [ -z "$R" ]; then
      [ "$(readlink "$_p/ns/net")" = "$_net" ] || continue
      trusted "$_p" "$1" || continue
    fi
    echo "${_p##*/}"
  done
}

# start time of a process in clock ticks since boot, empty if it has ended: field 22 of stat, after the name,
# which may hold spaces; the third is its state, and what is dead but not buried (Z) has ended, too
start_in() { # proc-folder pid
  { read -r _stat <"$1/$2/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086
  set -- ${_stat##*) }
  case $1 in Z | X) ;; *) echo "${20:-}" ;; esac
}
start_of() { start_in "$R/proc" "$1"; }

# the kubeconfig for kubectl: super-admin.conf only where that is all there is
admin_conf() {
  for _conf in admin super-admin; do
    if [ -r "$R/etc/kubernetes/$_conf.conf" ]; then echo "$R/etc/kubernetes/$_conf.conf" && return; fi
  done
}

boot_id() { cat /proc/sys/kernel/random/boot_id 2>/dev/null; }
# whether the watchdog of a run (its folder) lives: a PID alone may be another process's by now, or of another boot
# (which 0.1 did not write)
watched() {
  read -r _pid _start _boot 2>/dev/null <"$1/watchdog.pid" && [ -n "$_start" ] &&
    [ "${_boot:-$(boot_id)}" = "$(boot_id)" ] && [ "$(start_in /proc "$_pid")" = "$_start" ]
}
