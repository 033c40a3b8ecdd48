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
