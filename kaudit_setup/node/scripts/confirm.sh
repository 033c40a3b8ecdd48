# Keeps the change: from here on the watchdog has nothing to undo. Follows lib.sh, change.sh; needs ID, ENTRY
# (members of the journal line), `clean` and PRUNE (backups to remove, one a line).
deaf
RUN=$STATE/run/$ID
lock 30
if [ -e "$RUN/cancel" ] || ! decide; then
  field late "$(cat "$RUN/outcome" 2>/dev/null || echo undecided)"
  exit 14
fi
if ! { journal_line "$ENTRY" >"$RUN/entry" && sync_path "$RUN/entry" && conclude confirmed; } 2>/dev/null; then
  rm -f -- "$RUN/outcome"
  rmdir -- "$RUN/decision"
  fail 12 "cannot write $RUN/outcome (is the disk full?)"
fi
journal_confirmed "$RUN"
clean
disarm
# renamed first: a watchdog that wakes up now finds nothing to decide
mv "$RUN" "$STATE/run/.$ID" && rm -rf -- "$STATE/run/.$ID"
printf '%s\n' "$PRUNE" | while IFS= read -r name; do
  if [ -n "$name" ]; then rm -rf -- "$STATE/backups/$name"; fi
done
field confirmed "$(uptime_s)"
