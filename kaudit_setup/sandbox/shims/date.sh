#!/bin/sh
# The node's clock: the machine's, moved by SANDBOX_CLOCK seconds.
PATH=/usr/bin:/bin
offset=${SANDBOX_CLOCK:-0}
[ "$offset" = 0 ] && exec date "$@"
for arg; do
  case $arg in -d* | --date* | -r* | --reference* | -s* | --set*) exec date "$@" ;; esac
done
now=$(date +%s.%N)
exec date -d "@$((${now%.*} + offset)).${now#*.}" "$@"
