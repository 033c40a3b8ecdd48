#!/bin/sh
# Who plays root on the simulated node owns all its files; without being root they can give none away.
PATH=/usr/bin:/bin
[ "$(id -u)" = 0 ] || exit 0
exec chown "$@"
