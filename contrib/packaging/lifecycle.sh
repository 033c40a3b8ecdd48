#!/usr/bin/env bash
# Installs an older package, upgrades it and removes it, in a folder of its own: the new version has to run, and nothing
# may stay. Part of release.sh.
# usage: lifecycle.sh wheel VENV OLDER NEWER     VENV has what the wheels need
#        lifecycle.sh deb FOLDER OLDER NEWER     FOLDER becomes the root of a system
# The older package has a file named gone-since, which the newer one has not.
set -euo pipefail
kind=$1 where=$2 older=$3 newer=$4
fail() { echo "lifecycle: $kind: $1" >&2; exit 1; }

ours() { find "$where" \( -path '*kaudit*' -o -name '*audit_setup*' \) \( -type f -o -type l \) ! -path '*/var/lib/dpkg/*'; }

case $kind in
wheel)
  program=$where/bin/kaudit-setup
  install() { "$where/bin/pip" -q --disable-pip-version-check install --no-deps "$1"; }
  remove() { "$where/bin/pip" -q --disable-pip-version-check uninstall -y kaudit-setup; }
  ;;
deb)
  program=$where/usr/bin/kaudit-setup
  mkdir -p "$where/var/lib/dpkg"/{info,updates,triggers}
  touch "$where/var/lib/dpkg/status"
  # the folder is no whole system: nothing that the package needs is in it, and it has no scripts that would run there
  system() { dpkg --root="$where" --force-depends --force-not-root --force-bad-path --log=/dev/null "$@" >/dev/null 2>&1; }
  install() { system --install "$1"; }
  remove() { system --purge kaudit-setup; }
  ;;
*) fail "unknown kind" ;;
esac

[ "$kind" = deb ] || remove || true # what was tried before
install "$older"
[ -n "$(find "$where" -name 'gone-since')" ] || fail "$older has no file gone-since"
before=$("$program" --version)
install "$newer"
after=$("$program" --version)
[ "$before" != "$after" ] || fail "still $before after the upgrade"
[ "$kind" = wheel ] || [ "$("$where/usr/bin/kubectl-audit_setup" --version)" = "$after" ] || fail "not a plugin of kubectl"
[ -z "$(find "$where" -name 'gone-since')" ] || fail "a file of the older version stayed"
remove
[ -z "$(ours)" ] || fail "not removed: $(ours | head -5)"
echo "$kind: $before, upgraded to $after, removed; nothing stayed"
