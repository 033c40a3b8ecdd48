# Reads everything that a plan needs, in one round trip, and changes nothing.
# $1: the manifest's path, or empty: found through kubelet's configuration. Then what else to look at:
# `log:PATH` and `policy:PATH` their places, `secret:PATH` a file without its content, `PATH` a file with it.
manifest=$1
shift

file() { # key path content|metadata
  field "$1.path" "$2"
  _f=$R$2
  if [ -L "$_f" ]; then
    _real=$(readlink -f "$_f") || _real=$_f
    field "$1.real" "${_real#"$R"}"
  fi
  if [ -d "$_f" ] && [ ! -L "$_f" ] && [ -z "$(ls -A "$_f")" ]; then
    # what containerd leaves where a mounted file was missing; see no_empty_dir in change.sh
    field "$1.kind" absent
  elif [ -d "$_f" ]; then
    field "$1.kind" directory
    field "$1.stat" "$(stat -L -c '%a %u %g %s %Y' "$_f")"
  elif [ -f "$_f" ]; then
    _seen=$(stat -L -c '%a %u %g %s %Y %h' "$_f")
    field "$1.kind" file
    field "$1.stat" "$_seen"
    # the + of an ACL stands behind the ten characters of the mode
    case $(ls -ldL -- "$_f" 2>/dev/null) in ??????????+*) field "$1.acl" yes ;; esac
    # shellcheck disable=SC2046
    set -- "$1" "$3" $(sha256sum <"$_f")
    field "$1.sha256" "${3-}"
    # shellcheck disable=SC2086
    set -- "$1" "$2" $_seen
    if [ "$2" = content ] && [ "${6-0}" -le 10485760 ]; then blob "$1.content" "$_f" "${6-}"; fi
  elif [ -e "$_f" ]; then
    field "$1.kind" other
  else
    field "$1.kind" absent
  fi
}

# Mode, user and group of each path, a line each; empty for what is not there.
rights_of() {
  _rights=$(stat -L -c '%a %u %g' -- "$@" 2>/dev/null) ||
    _rights=$(for _each in "$@"; do stat -L -c '%a %u %g' -- "$_each" 2>/dev/null || echo; done)
  printf '%s\n' "$_rights"
}
# What `df` says of the filesystem of each folder, a line each behind the line of headings.
room_of() {
  _room=$(df -P -k -- "$@" 2>/dev/null) ||
    _room=$(echo headings && for _each in "$@"; do df -P -k -- "$_each" 2>/dev/null | tail -n +2 | grep . || echo; done)
  printf '%s\n' "$_room"
}

volumes() { # key path...: the filesystem that holds each path, or would hold it
  _keys='' _left=$#
  while [ "$_left" -gt 0 ]; do
    _d=$2
    while [ ! -d "$R$_d" ] && [ "$_d" != / ] && [ "$_d" != . ]; do above "$_d" && _d=$ABOVE; done
    field "$1.folder" "$_d"
    # root may write anywhere but on a read-only filesystem, and that is what access(2) says
    if [ ! -w "$R$_d" ]; then field "$1.unwritable" yes; fi
    _path=$R$2
    while [ "$_path" != "$R$_d" ] && [ "$_path" != / ] && [ "$_path" != . ]; do
      if [ -e "$_path" ] && [ ! -d "$_path" ]; then field "$1.blocked" "${_path#"$R"}"; fi
      above "$_path" && _path=$ABOVE
    done
    _keys="$_keys $1"
    shift 2
    set -- "$@" "$R$_d"
    _left=$((_left - 2))
  done
  for _key in $_keys; do IFS= read -r _line && field "$_key.rights" "$_line"; done <<.
$(rights_of "$@")
.
  {
    read -r _headings
    for _key in $_keys; do IFS= read -r _line && field "$_key.df" "$_line"; done
  } <<.
$(room_of "$@")
.
}

# Folders on the way to a path in which somebody else than root could exchange what root writes or runs. $1: `group`
# where members of a folder's group count as such, `owner` where not (/var/log is group syslog's on some systems).
loose() { # group|owner path...
  [ -z "$R" ] || return 0
  _kind=$1 _left=$(($# - 1))
  shift
  while [ "$_left" -gt 0 ]; do
    _way=$1
    shift
    while [ "$_way" != . ]; do
      set -- "$@" "$_way"
      [ "$_way" != / ] || break
      above "$_way" && _way=$ABOVE
    done
    _left=$((_left - 1))
  done
  while read -r _mode _user _group; do
    if [ -n "$_mode" ]; then
      # writable by others without the sticky bit, by a group that is not root's, or owned
      case $_mode in
        [1357]???) ;;
        *[2367]) field loose "$1" ;;
        *[2367]?) if [ "$_kind" = group ] && [ "$_group" != 0 ]; then field loose "$1"; fi ;;
      esac
      if [ "$_user" != 0 ]; then field loose "$1"; fi
    fi
    shift
  done <<.
$(rights_of "$@")
.
}

field uid "$(id -u)"
field host "$(uname -n)"
field machine "$(cat "$R/etc/machine-id" 2>/dev/null)"
field uptime "$(uptime_s)"
field time "$(date +%s)"
if [ -d "$R/run/systemd/system" ] && [ -w "$R/etc/systemd/system" ]; then field tool systemd; fi
for t in curl kubectl flock sha256sum mktemp setsid base64; do if have "$t"; then field tool "$t"; fi; done
# whether a new file can be given what the old one has beside mode and owner: see keep_attributes in change.sh
case $(cp --help 2>&1) in
*--attributes-only*) field tool attributes ;;
*) if have getfacl && have setfacl && have getfattr && have setfattr; then field tool attributes; fi ;;
esac
if [ -r "$R/sys/fs/selinux/enforce" ]; then field selinux "$(cat "$R/sys/fs/selinux/enforce")"; fi

kubelet_args=
for p in $(pids_of kubelet); do
  field kubelet.pid "$p"
  words_of "$R/proc/$p" && kubelet_args=$WORDS
done
config='' static=''
while read -r word; do
  case $word in
  --config=*) config=${word#*=} ;;
  --pod-manifest-path=*) static=${word#*=} ;;
  esac
done <<.
$kubelet_args
.
[ -n "$static" ] || static=$(sed -n 's/^[{ ]*"\{0,1\}staticPodPath"\{0,1\}: *["'\'']\{0,1\}\([^"'\'',]*\)["'\'']\{0,1\},\{0,1\} *$/\1/p' \
  "$R${config:-/var/lib/kubelet/config.yaml}" 2>/dev/null | tail -n 1)
field static.configured "$static"
# what kubelet keeps of a server that logs to standard output; its flags come before its file
sizes=$(printf '%s\n' "$kubelet_args" | sed -n 's/^--container-log-max-size=//p' | tail -n 1)
files=$(printf '%s\n' "$kubelet_args" | sed -n 's/^--container-log-max-files=//p' | tail -n 1)
config=$R${config:-/var/lib/kubelet/config.yaml}
setting() { sed -n "s/^[{ ]*\"\{0,1\}$1\"\{0,1\}: *[\"']\{0,1\}\([0-9A-Za-z.]*\).*/\1/p" "$config" 2>/dev/null | tail -n 1; }
field kubelet.logsize "${sizes:-$(setting containerLogMaxSize)}"
field kubelet.logfiles "${files:-$(setting containerLogMaxFiles)}"
configured=$static
if [ -n "$manifest" ]; then
  static=$(dirname "$manifest")
else
  static=${static:-/etc/kubernetes/manifests}
  static=${static%/}
  manifest=$static/kube-apiserver.yaml
  # another file name is as good to kubelet; take the one that holds the Pod
  if [ ! -e "$R$manifest" ]; then
    for f in "$R$static"/*; do
      if [ -f "$f" ] && grep -q '^ *"\{0,1\}name"\{0,1\}: *"\{0,1\}kube-apiserver' "$f"; then
        manifest=${f#"$R"}
        break
      fi
    done
  fi
fi
for p in "$static" "$manifest" /var/lib/kaudit-setup; do inside "$p" || field outside "$p"; done
if [ -n "$configured" ]; then configured=$(cd "$R$configured" 2>/dev/null && pwd -P); fi
# traces of other installers; node/installers.py says what they mean
installer() { # name path...
  _name=$1
  shift
  for _trace in "$@"; do
    if [ -e "$R$_trace" ]; then
      field installer "$_name"
      return
    fi
  done
}
installer rke2 /etc/rancher/rke2 /var/lib/rancher/rke2
installer k3s /etc/rancher/k3s /var/lib/rancher/k3s
installer k0s /etc/k0s /var/lib/k0s
installer microk8s /var/snap/microk8s
installer kops /etc/kubernetes/manifests/kube-apiserver.manifest /srv/kubernetes/kube-apiserver /opt/kops
installer systemd /etc/systemd/system/kube-apiserver.service /usr/lib/systemd/system/kube-apiserver.service \
  /lib/systemd/system/kube-apiserver.service
if grep -qs '^ID="\{0,1\}talos' "$R/etc/os-release"; then field installer talos; fi
pods=$(cd "$R$static" 2>/dev/null && pwd -P)
field static.path "$static"
above "$static"
if [ "$(stat -L -c %d "$R$static" 2>/dev/null)" = "$(stat -L -c %d "$R$ABOVE" 2>/dev/null)" ]; then field static.samedevice yes; fi
file manifest "$manifest" content
# Every non-dot file in the static Pod directory is a manifest to kubelet, whatever its extension, and what it says is
# known once it is decoded: a name may be written in escapes. What is larger than 10 MB kubelet does not read (file.go:
# maxConfigLength).
for f in "$R$static"/*; do
  if [ -f "$f" ] && [ "${f#"$R"}" != "$manifest" ]; then
    field beside.path "${f#"$R"}"
    length=$(wc -c <"$f") && [ "$length" -le 10485760 ] && blob beside.content "$f" "$length"
  fi
done

# the manifest's flags, a line each; the last one of a name counts
flags=$([ ! -f "$R$manifest" ] || grep -o -- '--[a-z-]*[= ][^"'\'' ,]*' "$R$manifest" 2>/dev/null)
flag() { # name default: FLAG
  FLAG=
  while read -r _flag; do
    case $_flag in "--$1"[=\ ]*) FLAG=${_flag#"--$1"?} ;; esac
  done <<.
$flags
.
  FLAG=${FLAG:-$2}
}

servers=$(pids_of kube-apiserver)
for p in $servers; do
  s=$(start_of "$p")
  if [ -n "$s" ]; then
    field server.pid "$p"
    field server.start "$s"
    words_of "$R/proc/$p" || :
    field server.cmdline "$WORDS"
  fi
done
flag bind-address ::
case $FLAG in 0.0.0.0 | ::) flag advertise-address 127.0.0.1 ;; esac
ADDRESS=$FLAG
flag secure-port 6443
PORT=$FLAG

# This node's API server is asked about its cluster meanwhile, if there is one to ask (client.sh, cluster.sh).
ASKED=
if [ -n "$servers" ] && ASKED=$(scratch); then
  trap 'rm -f -- "$ASKED"' EXIT
  trap 'exit 1' HUP INT TERM PIPE
  # cat, so that the first byte for which there is no room ends it all
  ask_cluster | cat >"$ASKED" 2>/dev/null &
fi

flag audit-policy-file /etc/kubernetes/audit-policy.yaml
policy=$FLAG
flag audit-log-path -
log=$FLAG
if [ "$log" = - ]; then log=/var/log/kubernetes/audit/audit.log; fi
flag audit-webhook-config-file ''
hook=$FLAG
group=
for f in "$@"; do
  case $f in
  "secret:$hook") ;;
  log:*) log=${f#log:} ;;
  policy:*) policy=${f#policy:} ;;
  group:*) group=${f#group:} ;;
  secret:*) file file "${f#secret:}" metadata ;;
  *) file file "$f" content ;;
  esac
done
if [ -n "$hook" ]; then file file "$hook" metadata; fi
file file "$policy" content

# kubelet reads what is in its folder itself, but for dot-files (pkg/kubelet/config/file.go:extractFromDir)
static_file() {
  above "$1"
  _in=$(cd "$R$ABOVE" 2>/dev/null && pwd -P)
  case ${1##*/} in .* | '') return ;; esac
  if [ -n "$_in" ] && { [ "$_in" = "$pods" ] || [ "$_in" = "$configured" ]; }; then field static.file "$1"; fi
}
# Where a path leads to, as far as it is there, and on what kind of filesystem; that of a root folder is not the node's.
place() {
  _deep=$1
  while [ ! -e "$R$_deep" ] && [ ! -L "$R$_deep" ] && [ "$_deep" != / ] && [ "$_deep" != . ]; do
    above "$_deep" && _deep=$ABOVE
  done
  _real=$(readlink -f "$R$_deep") || _real=$R$_deep
  _rest=${1#"${_deep%/}"} _kind=
  [ -n "$R" ] || _kind=$(stat -f -c %T "$_real" 2>/dev/null)
  _real=${_real#"$R"}
  field place.path "$1"
  field place.real "${_real%/}$_rest"
  field place.filesystem "$_kind"
}
place "$static"
for f in "$policy" "$log" "$hook" "$@"; do
  case $f in
  log:* | policy:* | group:* | '') ;;
  *)
    static_file "${f#secret:}"
    place "${f#secret:}"
    ;;
  esac
done

for p in "$policy" "$log"; do inside "$p" || field outside "$p"; done
field log.path "$log"
if [ -d "$R$log" ]; then
  field log.kind directory
elif [ -f "$R$log" ]; then
  field log.kind file
  field log.stat "$(stat -L -c '%a %u %g %s %Y' "$R$log")"
  field log.first "$(head -c 65536 "$R$log" | head -n 1)"
  field log.last "$(tail -c 262144 "$R$log" | tail -n 1)"
fi
total=0 count=0
for f in "$R${log%.*}"-[0-9]*; do
  if [ -f "$f" ]; then
    count=$((count + 1))
    total=$((total + $(wc -c <"$f")))
  fi
done
field log.rotated "$count $total"
above "$log" && log_folder=$ABOVE
above "$policy" && policy_folder=$ABOVE
volumes log.volume "$log_folder" manifest.volume "$static" policy.volume "$policy_folder" \
  state.volume /var/lib/kaudit-setup
loose group "$static" /var/lib/kaudit-setup "$policy_folder"
loose owner "$log_folder"
# the group that shall read the log: its number, and the folders that it passes through to the log's own
if [ -n "$group" ]; then
  if [ -z "$R" ] && have getent; then gid=$(getent group "$group"); else gid=$(grep "^$group:" "$R/etc/group"); fi
  # the server gives a group's rights on to the next log only; a line for each mode and owner, with their number
  set --
  for f in "$R${log%.*}"-[0-9]*; do if [ -f "$f" ]; then set -- "$@" "$f"; fi; done
  if [ $# -gt 0 ]; then field log.kept "$(rights_of "$@" | sort | uniq -c)"; fi
  gid=${gid#*:*:}
  field group "$group ${gid%%:*}"
  _way=$log_folder
  while [ "$_way" != / ] && [ "$_way" != . ]; do
    above "$_way" && _way=$ABOVE
    if [ -d "$R$_way" ] && [ "$_way" != / ]; then field way "$(stat -L -c '%a %u:%g' "$R$_way") $_way"; fi
  done
fi

pki=$R/etc/kubernetes/pki
for f in ca.crt apiserver-kubelet-client.crt; do if [ -f "$pki/$f" ]; then blob "pki.$f" "$pki/$f"; fi; done
if [ -f "$pki/apiserver-kubelet-client.key" ]; then field credential client-certificate; fi
conf=$(admin_conf)
if [ -n "$conf" ]; then
  field credential admin.conf
  # the certificate alone, to know whom a request would come from; never the key
  field pki.admin "$(sed -n '/^ *client-certificate-data: */{s///p;q;}' "$conf")"
fi

# what this tool left here
set --
for d in "$STATE"/backups/*/; do
  if [ -f "${d}backup.json" ]; then set -- "$@" "${d}backup.json"; fi
done
if [ $# -gt 0 ]; then
  # a line for each, and one more for their sum
  while read -r length _; do
    if [ $# -gt 0 ]; then blob backup "$1" "$length" && shift; fi
  done <<.
$(wc -c -- "$@")
.
fi
if [ -f "$STATE/journal.jsonl" ]; then field journal "$(tail -n 50 "$STATE/journal.jsonl")"; fi
for d in "$STATE"/run/*/; do
  if [ -d "$d" ]; then
    name=${d%/}
    field run.id "${name##*/}"
    field run.outcome "$(cat "${d}outcome" 2>/dev/null)"
    field run.about "$(cat "${d}about" 2>/dev/null)"
    if [ -e "${d}watchdog.pid" ]; then field run.armed yes; fi
    if watched "${d%/}"; then field run.watchdog alive; else field run.watchdog gone; fi
  fi
done
field end ok
if [ -n "$ASKED" ]; then
  wait
  # half of it is no answer
  if [ "$(tail -n 2 "$ASKED")" = "cluster 2${NEWLINE}ok" ]; then cat "$ASKED"; fi
fi
