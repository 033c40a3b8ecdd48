#!/usr/bin/env bash
# Builds the Containerfile as it stands where no registry can be reached, and looks at the image: root on Debian bookworm
# with buildah and debootstrap. The two base images are made of Debian's packages, under the names that the Containerfile
# has: the first from a bootstrap with pip, the second from the packages that distroless/python3-debian12 is made of.
# With a registry: podman build -f contrib/packaging/Containerfile -t kaudit-setup .
# usage: image.sh [FOLDER]     what is fetched and built stays in FOLDER; default: a temporary one
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/../.."
most=120000000 # bytes
fail() { echo "image: $1" >&2; exit 1; }

if [ $# -gt 0 ]; then mkdir -p "$1" && work=$(realpath "$1"); else work=$(mktemp -d); fi
export BUILDAH_ISOLATION=chroot
# vfs mounts nothing, so that nothing stays mounted
builder() { buildah --storage-driver vfs --root "$work/store" --runroot "$work/run" "$@"; }
[ $# -gt 0 ] || trap 'rm -rf "$work"' EXIT

# what distroless' own list has for Python (github.com/GoogleContainerTools/distroless, python3/)
distroless=(base-files netbase tzdata media-types ca-certificates libc6 libssl3 libgcc-s1 libgomp1 libstdc++6 dash libbz2-1.0
  libc-bin libcom-err2 libcrypt1 libdb5.3 libexpat1 libffi8 libgssapi-krb5-2 libk5crypto3 libkeyutils1 libkrb5-3
  libkrb5support0 liblzma5 libncursesw6 libnsl2 libpython3-stdlib libpython3.11-minimal libpython3.11-stdlib libreadline8
  libsqlite3-0 libtinfo6 libtirpc3 libuuid1 python3-distutils python3-minimal python3.11-minimal zlib1g)

echo "== the base images, of Debian's packages"
if [ ! -e "$work/python/.done" ]; then
  rm -rf "$work/python"
  debootstrap --variant=minbase --include=python3,python3-pip,ca-certificates,binutils bookworm "$work/python" \
    >"$work/debootstrap.log" 2>&1 || { tail -5 "$work/debootstrap.log" >&2; fail "debootstrap failed"; }
  ln -sf python3 "$work/python/usr/bin/python"
  rm -f "$work/python/usr/lib/python3.11/EXTERNALLY-MANAGED"
  touch "$work/python/.done"
fi
if [ ! -e "$work/distroless/.done" ]; then
  rm -rf "$work/distroless" "$work/debs"
  mkdir -p "$work/debs" "$work/distroless"/{tmp,etc,home/nonroot}
  chmod 777 "$work/debs" # apt fetches as a user of its own
  (cd "$work/debs" && apt-get download -qq "${distroless[@]}")
  for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/distroless"; done
  rm -rf "$work/distroless"/usr/share/{doc,man,info,lintian}
  printf '%s\n' 'root:x:0:0:root:/root:/sbin/nologin' 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' \
    >"$work/distroless/etc/passwd"
  cat /etc/ssl/certs/ca-certificates.crt >"$work/distroless/etc/ssl/certs/ca-certificates.crt"
  chown 65532:65532 "$work/distroless/home/nonroot"
  chmod 1777 "$work/distroless/tmp"
  touch "$work/distroless/.done"
fi
base() { # FOLDER NAME OPTION...
  local from
  from=$(builder from scratch)
  builder add -q "$from" "$work/$1" / >/dev/null
  builder config "${@:3}" "$from"
  builder commit -q "$from" "$2" >/dev/null
  builder rm "$from" >/dev/null
}
base python docker.io/library/python:3.11-slim-bookworm --env PATH=/usr/local/bin:/usr/bin:/bin
base distroless gcr.io/distroless/python3-debian12:nonroot --user 65532

echo "== the Containerfile"
given=() # where packages come from on this machine
for path in /etc/pip.conf /etc/xdg/pip /etc/ssl/certs $(pip config get global.find-links 2>/dev/null || true); do
  [ ! -e "$path" ] || given+=(--volume "$path:$path:ro")
done
builder bud -q --pull-never "${given[@]}" -f contrib/packaging/Containerfile -t kaudit-setup . >"$work/build.log" 2>&1 ||
  { tail -20 "$work/build.log" >&2; fail "the build failed"; }

echo "== the image: not root, small, and it runs"
made=$(builder from --pull-never localhost/kaudit-setup)
mounted=$(builder mount "$made")
size=$(du -s --apparent-size --block-size=1 "$mounted" | cut -f1)
user=$(builder inspect --format '{{.OCIv1.Config.User}}' "$made")
case $user in "" | 0 | root) fail "the image runs as root" ;; esac
said=$(builder run --isolation chroot "$made" -- /usr/bin/python3 -m kaudit_setup --version)
[ "$said" = "kaudit-setup $(sed -n 's/^__version__ = "\(.*\)"/\1/p' kaudit_setup/__init__.py)" ] || fail "it says: $said"
builder run --isolation chroot "$made" -- /usr/bin/python3 -m kaudit_setup policy list >/dev/null
[ "$size" -le "$most" ] || fail "$size bytes are more than $most"
echo "$said, as user $user, $((size / 1000000)) MB"
