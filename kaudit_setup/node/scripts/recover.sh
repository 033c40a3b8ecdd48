# What broken runs left on this node, and with `clear`: away with it, ending in the old state. Follows lib.sh, change.sh.
#   $1: look|clear   $2: `watched` if what somebody still waits for is undone, too   $3...: folders with staged files
# Frames: `run.id`, `run.about`, `run.state` (waiting, unwatched, stuck, begun, decided), `run.backup`, and what became
# of it in `run.now`; `stray` and `unit` with names; `holder` where the lock was not got.
deaf
how=$1 also=$2
shift 2
state_of() { # folder
  case $(cat "$1/outcome" 2>/dev/null) in
  '') ;;
  stuck) echo stuck && return ;;
  *) echo decided && return ;;
  esac
  if watched "$1"; then echo waiting; elif [ -e "$1/watchdog.pid" ]; then echo unwatched; else echo begun; fi
}
# The watchdog of 0.1 can only watch: it would wait for the lock that is held here. What it defines is enough.
watchdog_of() { # folder: its text
  if grep -q '^held)$' "$1/watchdog.sh"; then cat "$1/watchdog.sh" && return; fi
  sed '/^deaf$/,$d' "$1/watchdog.sh" && cat <<'.'
deaf
if undo >/dev/null 2>&1; then said=reverted; else said=stuck; fi
echo "$said" >"$RUN/outcome"
journal "\"action\":\"watchdog\",\"run\":\"$ID\",\"result\":\"$said\",\"why\":\"recover\""
[ "$said" = reverted ]
.
}
take_back() { # folder: what became of it
  if watchdog_of "$1" | sh -s held >/dev/null 2>&1; then
    rm -rf -- "$1"
    echo reverted
  else
    echo stuck
  fi
}

ID=recover
if [ -d "$STATE" ]; then
  exec 9>>"$STATE/lock"
  if ! flock -w 5 9; then
    field holder "$(lock_holder)"
    exit 11
  fi
  if [ "$how" = clear ]; then sign_lock; fi
fi
KEPT=''
for d in "$STATE"/run/*; do
  [ -d "$d" ] || continue
  state=$(state_of "$d")
  # an undone change is kept for `status`, and its watchdog tidies up for a while
  if [ "$state" = decided ] && watched "$d"; then continue; fi
  field run.id "${d##*/}"
  field run.about "$(cat "$d/about" 2>/dev/null)"
  field run.backup "$(sed -n 's/^BACKUP=\$STATE\/backups\///p' "$d/watchdog.sh" 2>/dev/null)"
  field run.state "$state"
  case $how/$state/$also in
  clear/waiting/watched | clear/unwatched/* | clear/stuck/*)
    now=$(take_back "$d")
    field run.now "$now"
    if [ "$now" = stuck ]; then KEPT="$KEPT kaudit-setup-${d##*/}.service"; fi
    ;;
  clear/begun/* | clear/decided/*)
    journal_confirmed "$d"
    rm -rf -- "$d"
    field run.now removed
    ;;
  */waiting/*) KEPT="$KEPT kaudit-setup-${d##*/}.service .kaudit.${d##*/}" ;;
  esac
done
for f in "$UNITS"/kaudit-setup-*.service "$WANTS"/kaudit-setup-*.service; do
  [ -e "$f" ] || [ -L "$f" ] || continue
  case "$KEPT " in *" ${f##*/} "*) continue ;; esac
  field unit "${f#"$R"}"
  if [ "$how" = clear ]; then remove_unit "${f##*/}"; fi
done
for dir in "$@"; do
  for f in "$R$dir"/.kaudit.*; do
    [ -e "$f" ] || continue
    run=${f##*/.kaudit.}
    case "$KEPT " in *" .kaudit.${run%%.*} "*) continue ;; esac
    field stray "${f#"$R"}"
    if [ "$how" = clear ]; then rm -f -- "$f"; fi
  done
done
if [ "$how" = clear ]; then
  rm -rf -- "$STATE"/incoming/* "$STATE"/run/.[!.]*
  sweep_memory
fi
field end ok
