# Frame of one apply: the generated steps follow as the function `steps`, then `undo` for the way back.
# Follows lib.sh and change.sh; needs ID and LENGTH (of standard input).
RUN=$STATE/run/$ID
on_exit() {
  code=$?
  trap - EXIT
  deaf
  if [ "$code" -ne 0 ]; then
    if [ -z "$ARMED" ] || decide; then
      if undo; then field undone yes; else field undone no; code=13; fi
      clean
      if [ "$code" -ne 13 ]; then rm -rf -- "$RUN"; fi
    fi
  fi
  exit "$code"
}
deaf
lock
refuse_if_pending
mkdir "$RUN" 2>/dev/null || fail 12 "cannot create $RUN: $(mkdir "$RUN" 2>&1)"
trap on_exit EXIT
receive "$LENGTH"
steps
rm -f "$PAYLOAD"
field applied "$(uptime_s)"
