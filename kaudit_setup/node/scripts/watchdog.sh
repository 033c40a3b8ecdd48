# Puts the old files back unless the change is confirmed before the deadline (seconds of uptime, which no clock change
# can move; a file, because a wait that is known to take longer moves it). Needs no SSH and no Python. Follows lib.sh,
# change.sh and the definitions of `undo`, `clean` and `tidy`.
#   (no argument)  watch; on SIGTERM (a shutdown) restore at once and end
#   boot           the machine has started: nobody can confirm any more, so restore, unless a watchdog lives
#   held           restore now; the caller holds the lock on descriptor 9
deaf
decided() { [ ! -d "$RUN" ] || [ -s "$RUN/outcome" ]; }

# Under the lock. Who had decided and died before the outcome was written has left it to this: the old state is the safe
# one. `stuck` is tried again.
restore_old() { # why
  case $(cat "$RUN/outcome" 2>/dev/null) in
  '' | stuck)
    decide
    if undo >/dev/null 2>&1; then said=reverted; else said=stuck; fi
    conclude "$said"
    journal "\"action\":\"watchdog\",\"run\":\"$ID\",\"result\":\"$said\",\"why\":\"$1\""
    [ "$said" = reverted ] || return 1
    ;;
  confirmed)
    journal_confirmed "$RUN"
    rm -rf -- "${RUN:?}"
    ;;
  esac
  clean
  disarm
}

case ${1:-} in
boot)
  if watched "$RUN"; then exit 0; fi
  exec 9>>"$STATE/lock"
  flock -w 30 9 || exit 1
  sign_lock
  restore_old boot
  exit
  ;;
held)
  restore_old recover
  exit
  ;;
esac

ENDING=''
trap 'ENDING=yes' TERM
echo "$$ $(start_in /proc $$) $(boot_id)" >"$RUN/watchdog.tmp" && mv -f "$RUN/watchdog.tmp" "$RUN/watchdog.pid"
# kubelet may start the taken back container once more, and leave a folder where a mounted file was
leave() {
  exec 9>&-
  _left=30
  while [ -d "$RUN" ] && [ -z "$ENDING" ] && [ "$_left" -gt 0 ]; do
    tidy
    _left=$((_left - 1))
    sleep 2
  done
  exit 0
}
deadline=0
while
  read -r _line 2>/dev/null <"$RUN/deadline" && deadline=$_line
  [ -z "$ENDING" ] && [ ! -e "$RUN/cancel" ] && [ "$(uptime_s)" -lt "$deadline" ]
do
  if decided; then leave; fi
  sleep 1
done
exec 9>>"$STATE/lock"
# an apply that hangs holds it; at a shutdown that is left to the unit that runs at the next boot
_left=10
until flock -w 1 9; do
  if [ -n "$ENDING" ]; then
    _left=$((_left - 1))
    [ "$_left" -gt 0 ] || exit 1
  fi
done
trap '' TERM
sign_lock
why=late
if [ -n "$ENDING" ]; then why=shutdown; fi
if ! decided; then restore_old "$why"; fi
trap 'ENDING=yes' TERM
leave
