#!/bin/sh
# sudo as far as kaudit-setup uses it: -n, -S, -p PROMPT, --; the sandbox says how it answers.
set -u
ask=yes prompt='[sudo] password: '
while [ $# -gt 0 ]; do
  case $1 in
    -n) ask=no; shift ;;
    -S | -H | -k) shift ;;
    -p) prompt=$2; shift 2 ;;
    -u) shift 2 ;;
    --) shift; break ;;
    -*) echo "sudo: the sandbox knows no option $1" >&2; exit 1 ;;
    *) break ;;
  esac
done
case ${SANDBOX_SUDO:-passwordless} in
  passwordless) ;;
  refused)
    echo "$USER is not in the sudoers file.  This incident will be reported." >&2
    exit 1
    ;;
  password)
    if [ "$ask" = no ]; then
      echo "sudo: a password is required" >&2
      exit 1
    fi
    tries=0
    while :; do
      printf %s "$prompt" >&2
      if ! IFS= read -r given; then
        echo "sudo: no password was provided" >&2
        exit 1
      fi
      [ "$given" = "$(cat "$SANDBOX_SUDO_FILE")" ] && break
      tries=$((tries + 1))
      if [ $tries -ge 3 ]; then
        echo "sudo: 3 incorrect password attempts" >&2
        exit 1
      fi
      echo "Sorry, try again." >&2
    done
    ;;
esac
SUDO_USER=$USER USER=root LOGNAME=root SANDBOX_UID=0
export SUDO_USER USER LOGNAME SANDBOX_UID
exec "$@"
