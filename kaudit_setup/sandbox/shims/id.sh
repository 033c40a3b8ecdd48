#!/bin/sh
# Who the login is on the simulated node, whoever runs the sandbox.
PATH=/usr/bin:/bin
uid=${SANDBOX_UID:-0}
[ "$uid" = 0 ] && name=root || name=$USER
case ${*:-} in
  -u | -g | -ru | -rg) echo "$uid" ;;
  -un | -nu | -gn | -ng | '-u -n' | '-n -u') echo "$name" ;;
  '') echo "uid=$uid($name) gid=$uid($name) groups=$uid($name)" ;;
  *) exec id "$@" ;;
esac
