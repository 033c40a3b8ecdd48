# Takes an unconfirmed change back at once, as the watchdog would later. Follows lib.sh, change.sh and `undo`.
deaf
RUN=$STATE/run/$ID
# an apply that goes on after its connection broke still holds the lock
mkdir -p "$STATE/run" && exec 9>>"$STATE/lock" && flock -w 60 9
if ! decide; then
  # the watchdog was first: wait until it is done
  field late yes
  _left=600
  while [ -d "$RUN" ] && [ ! -e "$RUN/outcome" ] && [ "$_left" -gt 0 ]; do
    _left=$((_left - 1))
    nap
  done
fi
for p in $(pids_of kube-apiserver); do field server "$p $(start_of "$p")"; done
if undo; then said=undone; else said=stuck; fi
if [ -d "$RUN" ]; then echo "$said" >"$RUN/outcome"; fi
journal "\"action\":\"undo\",\"run\":\"$ID\",\"result\":\"$said\""
clean
field outcome "$said"
