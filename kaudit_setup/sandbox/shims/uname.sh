#!/bin/sh
# The node's name, whatever the machine that simulates it is called.
[ "$*" = -n ] && exec cat "$KAUDIT_ROOT/etc/hostname"
exec /bin/uname "$@"
