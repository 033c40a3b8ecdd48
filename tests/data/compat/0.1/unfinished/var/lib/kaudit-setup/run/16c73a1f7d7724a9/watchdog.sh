# Shared by every script that runs on a node. POSIX sh, run as root (or as anybody, on a folder).
# R is the node's root folder: empty on a real node. Answers are frames, `key length\nbytes\n`, so that no name
# and no file content can be mistaken for another.
set -u
umask 077
R=${KAUDIT_ROOT-}
STATE=$R/var/lib/kaudit-setup

field() { printf '%s %d\n%s\n' "$1" "${#2}" "$2"; }
have() { command -v "$1" >/dev/null 2>&1; }
uptime_s() { IFS=' .' read -r _up _ </proc/uptime && echo "$_up"; }
now_utc() { date -u +%Y-%m-%dT%H:%M:%SZ; }
sha_of() { if [ -f "$1" ]; then _sum=$(sha256sum <"$1") && echo "${_sum%% *}"; else echo absent; fi; }
# a whole-system sync where this `sync` takes no file
sync_path() { sync "$1" 2>/dev/null || sync; }
# the folder that holds a path, in ABOVE: dirname without a process of its own
above() {
  case $1 in */*) ABOVE=${1%/*} ;; *) ABOVE=. ;; esac
  ABOVE=${ABOVE:-/}
}
nap() { sleep 0.1 2>/dev/null || sleep 1; }

# FILE's bytes as a frame; the length is fixed first, so that a growing file cannot break the frame
blob() {
  _n=$(wc -c <"$2") || return 1
  printf '%s %d\n' "$1" "$_n"
  head -c "$_n" "$2"
  echo
}

# PIDs of this node's processes of that name. On a machine that holds several nodes' network namespaces, a
# kube-apiserver is ours if it shares our network: it is a hostNetwork Pod, as kubelet is a host process.
pids_of() {
  _net=$(readlink /proc/self/ns/net)
  for _c in $(grep -ls -- "$1" "$R"/proc/[0-9]*/cmdline); do
    _p=${_c%/cmdline}
    _first=$({ tr '\0' '\n' <"$_c"; } 2>/dev/null | head -n 1)
    [ "${_first##*/}" = "$1" ] || continue
    if [ -z "$R" ]; then
      [ "$(readlink "$_p/ns/net")" = "$_net" ] || continue
    fi
    echo "${_p##*/}"
  done
}

# start time of a process in clock ticks since boot, empty if it is gone: field 22 of stat, after the name,
# which may hold spaces
start_in() { # proc-folder pid
  _stat=$(cat "$1/$2/stat" 2>/dev/null) || return 0
  # shellcheck disable=SC2086
  set -- ${_stat##*) }
  echo "${20:-}"
}
start_of() { start_in "$R/proc" "$1"; }

# What alters a node: used by apply, undo, confirm and the watchdog. Needs lib.sh; RUN and ID are set by the caller.
# A step that cannot be done ends the script through `fail`; the EXIT trap then puts everything back.
ARMED='' FOREIGN='' PAYLOAD=''

fail() { # exit-code message
  field error "$2"
  exit "$1"
}

# keep going to a safe end when the connection is gone: the node's state matters more than who listens
deaf() { trap '' HUP INT TERM PIPE; }

journal() { # JSON members, without braces
  printf '{"time":"%s",%s}\n' "$(now_utc)" "$1" >>"$STATE/journal.jsonl" && sync_path "$STATE/journal.jsonl"
}

# --- the lock: held by the kernel for as long as this script lives, so a dead holder holds nothing
lock() {
  mkdir -p "$STATE/run" "$STATE/backups" 2>/dev/null || fail 12 "cannot create $STATE: $(mkdir -p "$STATE/run" 2>&1)"
  chmod 700 "$STATE" "$STATE/run" "$STATE/backups" || fail 12 "cannot protect $STATE"
  exec 9>>"$STATE/lock" || fail 12 "cannot open $STATE/lock"
  flock -w 5 9 || fail 11 "another run is changing this node right now"
}

# a change that still waits for its confirmation has a living watchdog
refuse_if_pending() {
  for _d in "$STATE"/run/*/; do
    [ -d "$_d" ] && [ "$_d" != "$RUN/" ] || continue
    if [ ! -e "${_d}outcome" ] && read -r _pid _start 2>/dev/null <"${_d}watchdog.pid" &&
      [ "$(start_in /proc "$_pid")" = "$_start" ]; then
      field pending "$(cat "${_d}about" 2>/dev/null)"
      fail 11 "another change of this node waits to be confirmed; it is undone by itself if nobody does"
    fi
  done
}

sweep() { # what dead runs left behind in these folders
  for _dir in "$@"; do rm -f -- "$R$_dir"/.kaudit.*; done
  for _d in "$STATE"/run/*/; do [ "$_d" = "$RUN/" ] || rm -rf -- "$_d"; done
  for _d in "$STATE"/backups/*/; do
    # a backup that was never finished cannot be restored
    if [ -d "$_d" ] && [ ! -e "${_d}backup.json" ]; then rm -rf -- "$_d"; fi
  done
}

# --- what travels with the script: every new content in one stream, cut by offset and length
receive() { # expected-length
  PAYLOAD=$RUN/payload
  _said=$({ cat >"$PAYLOAD"; } 2>&1) || fail 12 "cannot write to $STATE: $_said"
  [ "$(wc -c <"$PAYLOAD")" -eq "$1" ] || fail 12 "the connection broke before everything had arrived, or $STATE is full"
}
cut_out() { tail -c "+$(($1 + 1))" "$PAYLOAD" | head -c "$2"; }

expect() { # path sha256|absent: refuse if it is not what was reviewed
  if [ "$(sha_of "$R$1")" != "$2" ]; then
    field changed "$1"
    fail 10 "$1 changed after it was reviewed"
  fi
}

# --- backups: complete and on disk before anything else is touched
backup_begin() { # name
  BACKUP=$STATE/backups/$1
  _said=$(mkdir -p "$BACKUP/files" 2>&1) || fail 12 "cannot create the backup: $_said"
}
backup_file() { # number path sha256
  _said=$(cp -p -- "$R$2" "$BACKUP/files/$1" 2>&1) || fail 12 "cannot back up $2: $_said"
  [ "$(sha_of "$BACKUP/files/$1")" = "$3" ] || fail 12 "the backup of $2 is not whole (is the disk full?)"
  sync_path "$BACKUP/files/$1"
}
backup_end() { # offset length sha256 of backup.json
  _said=$({ cut_out "$1" "$2" >"$BACKUP/backup.json"; } 2>&1)
  [ "$(sha_of "$BACKUP/backup.json")" = "$3" ] || fail 12 "cannot write the backup's description (is the disk full?): $_said"
  sync_path "$BACKUP/backup.json"
  sync_path "$BACKUP/files"
  sync_path "$BACKUP"
  sync_path "$STATE/backups"
}

# --- staging: every new file, and every old one for a possible undo, complete beside its place, before the first rename
stage() { # path new-name offset length sha256 mode owner
  _said=$({ set -C && cut_out "$3" "$4" >"$R$2"; } 2>&1)
  set +C
  [ "$(sha_of "$R$2")" = "$5" ] || fail 12 "cannot write $1 (is the disk full or read-only?): $_said"
  _said=$(own "$R$2" "$6" "$7" 2>&1) || fail 12 "cannot set owner and mode of $1: $_said"
  sync_path "$R$2"
}
stage_undo() { # backup-number undo-name path
  _said=$(cp -p -- "$BACKUP/files/$1" "$R$2" 2>&1) || fail 12 "no room for the copy that an undo would need, of $3: $_said"
  sync_path "$R$2"
}
own() { # file mode owner
  chmod "$2" "$1" || return 1
  [ "$(stat -c %u:%g "$1")" = "$3" ] && return
  # a folder that holds a node's files may be anybody's, who can give none of them away
  if [ -n "$R" ] && [ "$(id -u)" != 0 ]; then return 0; fi
  chown "$3" "$1"
}
make_dir() { # path mode
  _said=$( (umask 022 && mkdir -p -- "$(dirname "$R$1")" && mkdir -m "$2" -- "$R$1") 2>&1) || fail 12 "cannot create $1: $_said"
}
label() { if [ -z "$R" ] && have restorecon; then restorecon -- "$1" 2>/dev/null; fi; }

commit() { # path new-name
  no_empty_dir "$1"
  [ ! -d "$R$1" ] || fail 12 "$1 is a folder by now"
  label "$R$2"
  _said=$(mv -f -- "$R$2" "$R$1" 2>&1) || fail 12 "cannot replace $1: $_said"
  label "$R$1"
  sync_path "$(dirname "$R$1")"
}
remove() { # path
  _said=$(rm -f -- "$R$1" 2>&1) || fail 12 "cannot remove $1: $_said"
  sync_path "$(dirname "$R$1")"
}

# A container that is restarted while its hostPath file is away makes containerd create a folder in the file's place
# (CRI: MkdirAll of a missing source; kubelet checks the type only when the Pod is set up).
no_empty_dir() { if [ -d "$R$1" ] && [ ! -L "$R$1" ]; then rmdir -- "$R$1" 2>/dev/null || :; fi; }

# --- undo: idempotent; needs no disk space where the undo copy is there
restore() { # path sha-after sha-before|absent backup-file undo-name
  no_empty_dir "$1"
  _now=$(sha_of "$R$1")
  if [ "$_now" = "$3" ]; then
    :
  elif [ "$_now" != "$2" ]; then
    # somebody else's work by now: not ours to take back
    FOREIGN="$FOREIGN $1"
    field foreign "$1"
  elif [ "$3" = absent ]; then
    rm -f -- "$R$1" || return 1
  else
    [ "$(sha_of "$R$5")" = "$3" ] || cp -p -- "$R$4" "$R$5" || return 1
    mv -f -- "$R$5" "$R$1" || return 1
    label "$R$1"
  fi
  sync_path "$(dirname "$R$1")"
}
unmake_dir() { rmdir -- "$R$1" 2>/dev/null || :; }

decide() { mkdir "$RUN/decision" 2>/dev/null; } # true for exactly one of: confirm, undo, watchdog

# --- the watchdog: a process of its own that outlives this one
arm() { # seconds about-offset about-length script-offset script-length
  cut_out "$2" "$3" >"$RUN/about"
  echo $(($(uptime_s) + $1)) >"$RUN/deadline"
  cut_out "$4" "$5" >"$RUN/watchdog.sh"
  sync_path "$RUN/watchdog.sh"
  if [ -z "$R" ] && [ -d /run/systemd/system ] && have systemd-run &&
    systemd-run --quiet --collect --unit="kaudit-watchdog-$ID" /bin/sh "$RUN/watchdog.sh" >/dev/null 2>&1 9>&-; then
    :
  else
    setsid nohup /bin/sh "$RUN/watchdog.sh" >/dev/null 2>&1 </dev/null 9>&- &
  fi
  _tries=0
  until [ -s "$RUN/watchdog.pid" ]; do
    _tries=$((_tries + 1))
    [ "$_tries" -lt 100 ] || fail 12 "the watchdog did not start"
    nap
  done
  ARMED=yes
}

ID=16c73a1f7d7724a9
RUN=$STATE/run/$ID
BACKUP=$STATE/backups/20261130T085809Z-16c73a
undo() {
_stuck=
restore /etc/kubernetes/manifests/kube-apiserver.yaml 16a297af26f335fb4a1856a432b54fc33bd6733a2a2e50121ef45ed336a3b50b 9ae7df14044a3b2760c4be86eb7c6e26e56675409c0712f291bf6c3d903e25cf /var/lib/kaudit-setup/backups/20261130T085809Z-16c73a/files/1 /etc/kubernetes/.kaudit.16c73a1f7d7724a9.1.undo || _stuck=yes
restore /etc/kubernetes/audit-policy.yaml 68f1b9658dfe6d3605f82d8435897534afbc7a3b479f08d452e36a7d4021c6c4 absent /var/lib/kaudit-setup/backups/20261130T085809Z-16c73a/files/0 /etc/kubernetes/.kaudit.16c73a1f7d7724a9.0.undo || _stuck=yes
[ -z "$_stuck" ]
}
clean() {
rm -f -- "$R"/etc/kubernetes/.kaudit.16c73a1f7d7724a9.0.new
rm -f -- "$R"/etc/kubernetes/.kaudit.16c73a1f7d7724a9.1.new
rm -f -- "$R"/etc/kubernetes/.kaudit.16c73a1f7d7724a9.1.undo
:
}
tidy() {
no_empty_dir /etc/kubernetes/audit-policy.yaml
:
}
# Puts the old files back unless the change is confirmed before the deadline (seconds of uptime, which no clock change
# can move; a file, because a wait that is known to take longer moves it). Needs no SSH and no Python. Follows lib.sh,
# change.sh and the definitions of `undo` and `tidy`.
deaf
echo "$$ $(start_in /proc $$)" >"$RUN/watchdog.tmp" && mv -f "$RUN/watchdog.tmp" "$RUN/watchdog.pid"
decided() { [ ! -d "$RUN" ] || [ -e "$RUN/outcome" ]; }
# kubelet may start the taken back container once more, and leave a folder where a mounted file was
leave() {
  exec 9>&-
  _left=30
  while [ -d "$RUN" ] && [ "$_left" -gt 0 ]; do
    tidy
    _left=$((_left - 1))
    sleep 2
  done
  exit 0
}
deadline=0
while
  read -r _line 2>/dev/null <"$RUN/deadline" && deadline=$_line
  [ "$(uptime_s)" -lt "$deadline" ]
do
  if decided; then leave; fi
  sleep 1
done
if ! decide; then
  # somebody decided in time; if they died before they were done, finish it: the old state is the safe one
  _left=60
  while ! decided && [ "$_left" -gt 0 ]; do
    _left=$((_left - 1))
    sleep 1
  done
  if decided; then leave; fi
fi
exec 9>>"$STATE/lock"
flock -w 60 9
if undo >/dev/null 2>&1; then said=reverted; else said=stuck; fi
echo "$said" >"$RUN/outcome"
journal "\"action\":\"watchdog\",\"run\":\"$ID\",\"result\":\"$said\""
leave
