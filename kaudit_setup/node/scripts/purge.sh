# What this tool left on this node, and with `clear`: away with it. Follows lib.sh, change.sh.
#   $1: look|clear   $2: the manifest   $3: its SHA-256 when auditing was seen to be off
#   $4: the audit log, and $5 `logs` if it goes, too   then pairs of a file that the tool made and the SHA-256 it gave it
#   then `--` and folders with staged files
# Frames: `backup`, `file`, `unit`, `staged`, `log`, `folder` with the path of what goes; `kept.file` with that of a file
# that somebody has changed since, `kept.log` with that of a log that stays; `holder` where the lock was not got. What says which files are the
# tool's goes after them, the journal before the backups, so that a purge which was killed can be done again.
deaf
how=$1 manifest=$2 seen=$3 log=$4 logs=$5
shift 5
RUN=none ID=purge BY=purge
away() { # key path
  field "$1" "$2"
  if [ "$how" = look ]; then return; fi
  _said=$(rm -rf -- "$R$2" 2>&1) || fail 12 "cannot remove $2: $_said"
}
plain() { [ -f "$R$1" ] && [ ! -L "$R$1" ] && inside "$1"; }

inside /var/lib/kaudit-setup || fail 12 "a link leads from $STATE out of $R"
if [ -d "$STATE" ]; then
  exec 9>>"$STATE/lock" || fail 12 "cannot open $STATE/lock"
  if ! flock -w 5 9; then
    field holder "$(lock_holder)"
    exit 11
  fi
  if [ "$how" = clear ]; then sign_lock; fi
  refuse_if_pending
fi
if [ "$how" = clear ]; then expect "$manifest" "$seen"; fi

for f in "$UNITS"/kaudit-setup-*.service "$WANTS"/kaudit-setup-*.service; do
  if [ -e "$f" ] || [ -L "$f" ]; then away unit "${f#"$R"}"; fi
done
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  if plain "$1"; then
    if [ "$(sha_of "$R$1")" = "$2" ]; then away file "$1"; else field kept.file "$1"; fi
  fi
  shift 2
done
shift
for dir in "$@"; do
  for f in "$R$dir"/.kaudit.*; do
    if [ -e "$f" ] && plain "${f#"$R"}"; then away staged "${f#"$R"}"; fi
  done
done
if [ -n "$log" ]; then
  name=${log##*/}
  above "$log" && folder=$ABOVE
  base=${name%.*} ext=
  case $name in *.*) ext=.${name##*.} ;; esac
  # the log, and what kube-apiserver's rotation makes of it: BASE-TIME.EXT, or with .gz behind that
  for f in "$R$log" "$R$folder/$base"-[0-9][0-9][0-9][0-9]-[0-9][0-9]-*; do
    case $f in "$R$log" | *"$ext" | *"$ext.gz") ;; *) continue ;; esac
    plain "${f#"$R"}" || continue
    if [ "$logs" = logs ]; then away log "${f#"$R"}"; else field kept.log "${f#"$R"}"; fi
  done
  if [ "$how" = clear ] && [ "$logs" = logs ]; then rmdir -- "$R$folder" 2>/dev/null || :; fi
fi
if [ "$how" = clear ] && [ -d "$STATE" ]; then rm -f -- "$STATE/journal.jsonl" && sync_path "$STATE"; fi
for d in "$STATE"/backups/*/; do
  if [ -d "$d" ]; then
    d=${d%/}
    away backup "${d#"$R"}"
  fi
done
if [ -d "$STATE" ]; then
  field folder /var/lib/kaudit-setup
  if [ "$how" = clear ]; then
    sweep_memory
    # the folder may be a link to where there is more room
    _said=$(rm -rf -- "${STATE:?}"/* "$STATE"/.[!.]* 2>&1) ||
      fail 12 "cannot remove $STATE: $_said"
    _said=$({ rmdir -- "$STATE" 2>/dev/null || rm -f -- "$STATE"; } 2>&1) || fail 12 "cannot remove $STATE: $_said"
    above "$STATE" && sync_path "$ABOVE"
  fi
fi
field end ok
