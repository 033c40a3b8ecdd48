# Puts the old files back unless the change is confirmed before the deadline (seconds of uptime, which no clock change
# can move; a file, because a wait that is known to take longer moves it). Needs no SSH and no Python. Follows lib.sh, change.sh and the definition of `undo`.
deaf
echo "$$ $(start_in /proc $$)" >"$RUN/watchdog.tmp" && mv -f "$RUN/watchdog.tmp" "$RUN/watchdog.pid"
deadline=0
while
  read -r _line 2>/dev/null <"$RUN/deadline" && deadline=$_line
  [ "$(uptime_s)" -lt "$deadline" ]
do
  if [ ! -d "$RUN" ] || [ -e "$RUN/outcome" ]; then exit 0; fi
  sleep 1
done
if ! decide; then
  # somebody decided in time; if they died before they were done, finish it: the old state is the safe one
  _left=60
  while [ -d "$RUN" ] && [ ! -e "$RUN/outcome" ] && [ "$_left" -gt 0 ]; do
    _left=$((_left - 1))
    sleep 1
  done
  if [ ! -d "$RUN" ] || [ -e "$RUN/outcome" ]; then exit 0; fi
fi
exec 9>>"$STATE/lock"
flock -w 60 9
if undo >/dev/null 2>&1; then said=reverted; else said=stuck; fi
echo "$said" >"$RUN/outcome"
journal "\"action\":\"watchdog\",\"run\":\"$ID\",\"result\":\"$said\""
