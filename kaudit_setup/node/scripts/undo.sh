# Takes an unconfirmed change back at once, as the watchdog would later. Follows lib.sh, change.sh and `undo`.
deaf
RUN=$STATE/run/$ID
prepare
# an apply that hangs may hold the lock, or may not have begun: either way it finds this when it goes on
mkdir -p "$RUN" && : >"$RUN/cancel"
sync_path "$RUN"
lock 60
if ! decide; then field late yes; fi
for p in $(pids_of kube-apiserver); do field server "$p $(start_of "$p")"; done
if undo; then said=undone; else said=stuck; fi
mkdir -p "$RUN" && conclude "$said"
journal "\"action\":\"undo\",\"run\":\"$ID\",\"result\":\"$said\""
if [ "$said" = undone ]; then
  clean
  disarm
fi
field outcome "$said"
