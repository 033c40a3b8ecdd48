# Frame of one apply: the generated steps follow as the function `steps`, then `undo` for the way back.
# Follows lib.sh and change.sh; needs ID, BY and LENGTH (of standard input).
RUN=$STATE/run/$ID
on_exit() {
  code=$?
  trap - EXIT
  rm -f -- "$PAYLOAD"
  # the lock is held: nobody else decides meanwhile
  if [ "$code" -ne 0 ] && [ -n "$BEGUN" ]; then
    if undo; then
      field undone yes
      clean
      disarm
      rm -rf -- "$RUN"
    else
      # its watchdog tries again
      field undone no
      code=13
    fi
  fi
  exit "$code"
}
BEGUN=''
deaf
trap on_exit EXIT
prepare
receive "$LENGTH"
lock 5
refuse_if_pending
if [ -e "$RUN/cancel" ]; then fail 15 "it was called off before it began"; fi
mkdir "$RUN" 2>/dev/null || fail 12 "cannot create $RUN: $(mkdir "$RUN" 2>&1)"
BEGUN=yes
steps
still_wanted
field applied "$(uptime_s)"
