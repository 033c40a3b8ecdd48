# What alters a node: used by apply, undo, confirm and the watchdog. Needs lib.sh; RUN and ID are set by the caller.
# A step that cannot be done ends the script through `fail`; the EXIT trap then puts everything back.
ARMED='' FOREIGN='' PAYLOAD=''

fail() { # exit-code message
  field error "$2"
  exit "$1"
}

# keep going to a safe end when the connection is gone: the node's state matters more than who listens
deaf() { trap '' HUP INT TERM PIPE; }

journal_line() { printf '{"time":"%s",%s}\n' "$(now_utc)" "$1"; } # JSON members, without braces
journal() { journal_line "$1" >>"$STATE/journal.jsonl" && sync_path "$STATE/journal.jsonl"; }
# The line of a change that was confirmed, from its run's folder, where it was put before the outcome: whatever ended
# that run in between, whoever finds it adds the line; once, however often this is asked.
journal_confirmed() { # folder of the run
  if [ "$(cat "$1/outcome" 2>/dev/null)" != confirmed ] || [ ! -s "$1/entry" ]; then return; fi
  if grep -qsxF -f "$1/entry" "$STATE/journal.jsonl"; then return; fi
  cat "$1/entry" >>"$STATE/journal.jsonl" && sync_path "$STATE/journal.jsonl"
}

# --- the lock: held by the kernel for as long as this script or what it started lives. Whoever decides about a run
# (apply, confirm, undo, its watchdog, recover) does so under it, so a lock that was not got is a failure.
prepare() {
  inside /var/lib/kaudit-setup || fail 12 "a link leads from $STATE out of $R"
  mkdir -p "$STATE/run" "$STATE/backups" "$STATE/incoming" 2>/dev/null ||
    fail 12 "cannot create $STATE: $(mkdir -p "$STATE/run" 2>&1)"
  chmod 700 "$STATE" "$STATE/run" "$STATE/backups" "$STATE/incoming" || fail 12 "cannot protect $STATE"
}
lock() { # seconds
  exec 9>>"$STATE/lock" || fail 12 "cannot open $STATE/lock"
  flock -w "$1" 9 || fail 11 "another run is changing this node right now: $(lock_holder)"
  sign_lock
}
# for whoever waits for the lock
sign_lock() {
  { printf '%s %s %s %s %s\n' "$$" "$(start_in /proc $$)" "${ID:-none}" "$(now_utc)" "${BY:-}" >"$STATE/lock"; } 2>/dev/null || :
}
lock_holder() {
  read -r _pid _start _run _since _by 2>/dev/null <"$STATE/lock" || _pid=
  if [ -z "$_pid" ]; then
    echo "who it is did not say so"
  elif [ "$(start_in /proc "$_pid")" = "$_start" ]; then
    case $(sed 's/.*) \(.\).*/\1/' "/proc/$_pid/stat" 2>/dev/null) in
    T) _how=' is stopped: kill -CONT lets it go on, kill -9 ends it' ;;
    D) _how=' waits for a disk' ;;
    *) _how=' works' ;;
    esac
    echo "run $_run${_by:+ of $_by}, since $_since; its process $_pid$_how"
  else
    echo "run $_run${_by:+ of $_by}, since $_since; its process $_pid has ended, but not what it started (fuser -v $STATE/lock)"
  fi
}

# A change that was armed and has no outcome yet: it waits for its confirmation, or nobody watches it any more.
refuse_if_pending() {
  for _d in "$STATE"/run/*/; do
    if [ ! -e "${_d}watchdog.pid" ] || [ "$_d" = "$RUN/" ] || [ -s "${_d}outcome" ]; then continue; fi
    field pending "$(cat "${_d}about" 2>/dev/null)"
    if watched "$_d"; then
      fail 11 "another change of this node waits to be confirmed; it is undone by itself if nobody does"
    fi
    fail 11 "another change of this node was never confirmed and nobody watches it any more; \`kaudit-setup recover\` restores the old state"
  done
}

sweep() { # what dead runs left behind in these folders
  for _dir in "$@"; do rm -f -- "$R$_dir"/.kaudit.*; done
  for _d in "$STATE"/run/*/; do
    if [ "$_d" = "$RUN/" ] || called_off_lately "$_d"; then continue; fi
    journal_confirmed "${_d%/}"
    rm -rf -- "$_d"
  done
  for _unit in "$UNITS"/kaudit-setup-*.service; do
    if [ -e "$_unit" ]; then remove_unit "${_unit##*/}"; fi
  done
  find "$STATE/incoming" -type f -mmin +60 -exec rm -f {} + 2>/dev/null
  sweep_memory
  for _d in "$STATE"/backups/*/; do
    # a backup that was never finished cannot be restored
    if [ -d "$_d" ] && [ ! -e "${_d}backup.json" ]; then rm -rf -- "$_d"; fi
  done
}
# what a script that was killed may have left in memory: keys (client.sh), answers, what was searched for (logs.sh), which
# may take hours
sweep_memory() {
  find /dev/shm /run -maxdepth 1 -user "$(id -u)" \( -name 'kaudit-keys.*' -mmin +5 -o -name 'kaudit.*' -mmin +1440 \) \
    -exec rm -rf {} + 2>/dev/null
}
# what was called off before it began may still wake up: it must find that it was
called_off_lately() { [ -e "${1}cancel" ] && [ ! -e "${1}about" ] && [ -n "$(find "$1" -mmin -60 2>/dev/null)" ]; }

# --- what travels with the script: every new content in one stream, cut by offset and length. It is received before
# the lock is taken, so that a client which stops in the middle keeps nobody else from working.
receive() { # expected-length
  PAYLOAD=$STATE/incoming/$ID
  _said=$({ cat >"$PAYLOAD"; } 2>&1) || fail 12 "cannot write to $STATE: $_said"
  [ "$(wc -c <"$PAYLOAD")" -eq "$1" ] || fail 12 "the connection broke before everything had arrived, or $STATE is full"
}
cut_out() { tail -c "+$(($1 + 1))" "$PAYLOAD" | head -c "$2"; }
cut_whole() { # offset length sha256 file what
  _said=$({ cut_out "$1" "$2" >"$4"; } 2>&1)
  [ "$(sha_of "$4")" = "$3" ] || fail 12 "cannot write $5 (is the disk full?): $_said"
  sync_path "$4"
}

expect() { # path sha256|absent: refuse if it is not what was reviewed
  if [ "$(sha_of "$R$1")" != "$2" ]; then
    field changed "$1"
    fail 10 "$1 changed after it was reviewed"
  fi
}

expect_rights() { # path mode owner
  if [ "$(stat -c '%a %u:%g' "$R$1" 2>&1)" != "$2 $3" ]; then
    field changed "$1"
    fail 10 "mode or owner of $1 changed after it was reviewed"
  fi
}

# --- backups: complete and on disk before anything else is touched
backup_begin() { # name
  BACKUP=$STATE/backups/$1
  _said=$(mkdir -p "$BACKUP/files" 2>&1) || fail 12 "cannot create the backup: $_said"
}
backup_file() { # number path sha256
  _said=$(copy "$R$2" "$BACKUP/files/$1" 2>&1) || fail 12 "cannot back up $2: $_said"
  [ "$(sha_of "$BACKUP/files/$1")" = "$3" ] || fail 12 "the backup of $2 is not whole (is the disk full?)"
  sync_path "$BACKUP/files/$1"
}
backup_end() { # offset length sha256 of backup.json
  cut_whole "$1" "$2" "$3" "$BACKUP/backup.json" "the backup's description"
  sync_path "$BACKUP/files" "$BACKUP" "$STATE/backups"
}

# --- a file that is replaced is another file; what root gave the old one beside mode and owner goes over to it: ACL,
# extended attributes, SELinux label, as far as this system has the tools (GNU cp, or those of the packages acl and attr)
copy() { cp --preserve=all -- "$1" "$2" 2>/dev/null || { cp -p -- "$1" "$2" && keep_attributes "$1" "$2"; }; }
keep_attributes() { # from to
  {
    # its times are its own
    if cp --attributes-only --preserve=all -- "$1" "$2"; then touch -- "$2" && return; fi
    if have getfattr && have setfattr; then
      getfattr -d -m - --absolute-names -- "$1" | sed "s|^# file: .*|# file: $2|" | setfattr --restore=-
    fi
    if have getfacl && have setfacl; then getfacl -p -- "$1" | setfacl --set-file=- -- "$2"; fi
    if [ -e "$R/sys/fs/selinux/enforce" ] && have chcon; then chcon "$(label_of "$1")" "$2"; fi
  } 2>/dev/null
  return 0
}
label_of() { stat -c %C "$1" 2>/dev/null; }
# by the system's rules, unless it has the label of what was in that place
label() { # file [label of the old one]
  if [ -n "$R" ] || ! have restorecon; then return; fi
  if [ -n "${2-}" ] && [ "$2" != '?' ] && [ "$(label_of "$1")" = "$2" ]; then return; fi
  restorecon -- "$1" 2>/dev/null
}

# --- staging: every new file, and every old one for a possible undo, complete beside its place, before the first rename
stage() { # path new-name offset length sha256 mode owner
  inside "$1" || fail 12 "a link leads from $1 out of $R"
  _said=$({ set -C && cut_out "$3" "$4" >"$R$2"; } 2>&1)
  set +C
  [ "$(sha_of "$R$2")" = "$5" ] || fail 12 "cannot write $1 (is the disk full or read-only?): $_said"
  if [ -f "$R$1" ]; then keep_attributes "$R$1" "$R$2"; fi
  # after the attributes: the mode that was reviewed is what counts
  _said=$(own "$R$2" "$6" "$7" 2>&1) || fail 12 "cannot set owner and mode of $1: $_said"
  sync_path "$R$2"
}
stage_undo() { # backup-number undo-name path
  _said=$(copy "$BACKUP/files/$1" "$R$2" 2>&1) || fail 12 "no room for the copy that an undo would need, of $3: $_said"
  sync_path "$R$2"
}
own() { # file mode owner
  chmod "$2" "$1" || return 1
  [ "$(stat -L -c %u:%g "$1")" = "$3" ] && return
  # a folder that holds a node's files may be anybody's, who can give none of them away
  if [ -n "$R" ] && [ "$(id -u)" != 0 ]; then return 0; fi
  chown "$3" "$1"
}
make_dir() { # path mode owner
  inside "$1" || fail 12 "a link leads from $1 out of $R"
  _said=$( (umask 022 && mkdir -p -- "$(dirname "$R$1")" && mkdir -m "$2" -- "$R$1") 2>&1) || fail 12 "cannot create $1: $_said"
  _said=$(own "$R$1" "$2" "$3" 2>&1) || fail 12 "cannot set owner and mode of $1: $_said"
}

# The rights of the log and of its folder, for --log-group. What was opened is what gets them: the folder may be that of
# a server which is not root's.
own_opened() ( # path mode owner
  if [ ! -f "$R$1" ] && [ ! -d "$R$1" ]; then exit 1; fi
  # a link that was opened is another file than the link itself, and a file with two names may be another one, too
  exec 8<"$R$1" && [ "$(stat -L -c %d:%i /proc/self/fd/8)" = "$(stat -c %d:%i "$R$1")" ] || exit 1
  [ -d /proc/self/fd/8 ] || [ "$(stat -L -c %h /proc/self/fd/8)" = 1 ] || exit 1
  own /proc/self/fd/8 "$2" "$3"
)
grant() { # path mode owner [create]
  still_wanted
  inside "$1" || fail 12 "a link leads from $1 out of $R"
  if [ -n "${4-}" ] && [ ! -e "$R$1" ]; then
    _said=$( (set -C && : >"$R$1") 2>&1) || fail 12 "cannot create $1: $_said"
  fi
  _said=$(own_opened "$1" "$2" "$3" 2>&1) || fail 12 "cannot set owner and mode of $1 (is it a link, or has it a second name?): $_said"
  sync_path "$R$1"
}
ungrant() { # path mode owner [create]
  if [ ! -e "$R$1" ]; then return; fi
  # a log that nothing was written to is not evidence
  if [ -n "${4-}" ] && [ ! -s "$R$1" ]; then rm -f -- "$R$1" && return; fi
  own_opened "$1" "$2" "$3"
}

# Asked under the lock at each step that alters the node: an apply that hung may go on long after everybody was told
# that the old state is back.
still_wanted() {
  if [ -e "$RUN/cancel" ] || [ -e "$RUN/decision" ]; then fail 15 "it was called off while it hung"; fi
  [ -z "$ARMED" ] || watched "$RUN" || fail 12 "the watchdog on the node has ended"
}

commit() { # path new-name
  still_wanted
  no_empty_dir "$1"
  [ ! -d "$R$1" ] || fail 12 "$1 is a folder by now"
  _label=$(label_of "$R$1")
  label "$R$2" "$_label"
  _said=$(mv -f -- "$R$2" "$R$1" 2>&1) || fail 12 "cannot replace $1: $_said"
  label "$R$1" "$_label"
  sync_path "$(dirname "$R$1")"
}
remove() { # path
  still_wanted
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
    [ "$(sha_of "$R$5")" = "$3" ] || copy "$R$4" "$R$5" || return 1
    _label=$(label_of "$R$5")
    mv -f -- "$R$5" "$R$1" || return 1
    label "$R$1" "$_label"
  fi
  sync_path "$(dirname "$R$1")"
}
unmake_dir() { rmdir -- "$R$1" 2>/dev/null || :; }

decide() { mkdir "$RUN/decision" 2>/dev/null; } # once a run, under the lock: confirm, undo or watchdog
# What was decided, on disk before anybody is told.
conclude() { # outcome
  { echo "$1" >"$RUN/outcome"; } 2>/dev/null
  # its name, too: after a power cut the unit undoes what has no outcome
  sync_path "$RUN/outcome" "$RUN"
  [ "$(cat "$RUN/outcome" 2>/dev/null)" = "$1" ]
}

# --- what outlives a reboot: a unit that is there from before the first step until the decision. It runs before kubelet
# starts a Pod, and does nothing while the watchdog lives (somebody may start it by hand).
UNITS=$R/etc/systemd/system
WANTS=$UNITS/multi-user.target.wants
has_units() { [ -d "$R/run/systemd/system" ] && [ -w "$UNITS" ]; }
install_unit() {
  _unit=kaudit-setup-$ID.service
  mkdir -p "$RUN/units/multi-user.target.wants" "$WANTS" || return 1
  cat >"$RUN/units/$_unit" <<. || return 1
# Written by kaudit-setup; it is here only while a change waits to be confirmed.
[Unit]
Description=kaudit-setup: restore the kube-apiserver manifest that change $ID replaced
RequiresMountsFor=/var/lib/kaudit-setup /etc/kubernetes
ConditionPathExists=/var/lib/kaudit-setup/run/$ID/watchdog.sh
Before=kubelet.service

[Service]
Type=oneshot
ExecStart=/bin/sh /var/lib/kaudit-setup/run/$ID/watchdog.sh boot

[Install]
WantedBy=multi-user.target
.
  ln -s "../$_unit" "$RUN/units/multi-user.target.wants/$_unit" || return 1
  # unit and link by one command, as they go by one: nothing in between leaves half of it
  cp -PR "$RUN/units/." "$UNITS" || return 1
  label "$UNITS/$_unit"
  sync_path "$UNITS/$_unit" "$WANTS" "$UNITS"
  [ "$(sha_of "$UNITS/$_unit")" = "$(sha_of "$RUN/units/$_unit")" ] && [ -L "$WANTS/$_unit" ]
}
remove_unit() { # name
  if [ -e "$UNITS/$1" ] || [ -L "$WANTS/$1" ]; then
    rm -f -- "$WANTS/$1" "$UNITS/$1"
    sync_path "$WANTS" "$UNITS"
  fi
}
disarm() { remove_unit "kaudit-setup-$ID.service"; }

# --- the watchdog: a process of its own that outlives this one
arm_boot() { # about-offset about-length about-sha256 script-offset script-length script-sha256
  cut_whole "$1" "$2" "$3" "$RUN/about" "the watchdog's description"
  cut_whole "$4" "$5" "$6" "$RUN/watchdog.sh" "the watchdog"
  sync_path "$RUN" "$STATE/run"
  if has_units; then
    _said=$( (umask 022 && install_unit) 2>&1) || fail 12 "cannot install the unit that undoes after a reboot: $_said"
  fi
}
arm() { # seconds
  _deadline=$(($(uptime_s) + $1))
  { echo "$_deadline" >"$RUN/deadline"; } 2>/dev/null
  [ "$(cat "$RUN/deadline")" = "$_deadline" ] || fail 12 "cannot write the watchdog's deadline (is the disk full?)"
  sync_path "$RUN/deadline"
  # KillMode: what an undo has begun is done to its end, whoever stops the unit
  if [ -z "$R" ] && [ -d /run/systemd/system ] && have systemd-run &&
    systemd-run --quiet --collect --unit="kaudit-watchdog-$ID" -p KillMode=mixed /bin/sh "$RUN/watchdog.sh" \
      >/dev/null 2>&1 9>&-; then
    :
  else
    # a signal that is ignored here would be ignored there for ever
    (trap - TERM && exec setsid nohup /bin/sh "$RUN/watchdog.sh") >/dev/null 2>&1 </dev/null 9>&- &
  fi
  _tries=0
  until [ -s "$RUN/watchdog.pid" ]; do
    _tries=$((_tries + 1))
    [ "$_tries" -lt 500 ] || fail 12 "the watchdog did not start"
    blink
  done
  sync_path "$RUN"
  ARMED=yes
}
