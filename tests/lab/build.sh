#!/usr/bin/env bash
# Makes sure that this machine has what the lab needs, and builds a real Kubernetes control plane for it.
#
# Usage: build.sh [OUTDIR]     (default: $KLAB_OUT, then /var/cache/kaudit-setup-lab)
#
# OUTDIR/bin gets kubeadm, kubelet, kube-apiserver, kube-controller-manager, kube-scheduler and pause;
# OUTDIR/img their images, made without Docker; OUTDIR/version the Kubernetes version.
# Needs root on Debian bookworm and its package mirror: the source is Debian's own source package `kubernetes`,
# which carries its whole vendor tree. About 5 minutes on 2 cores; nothing when OUTDIR is already complete.
# What a broken run has finished is kept: the next run goes on from there.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-${KLAB_OUT:-/var/cache/kaudit-setup-lab}}
version=v1.20.2
commands=(kubeadm kubelet kube-apiserver kube-controller-manager kube-scheduler)
images=(kube-apiserver kube-controller-manager kube-scheduler)

say() { echo "lab build: $*" >&2; }
die() { say "$*"; exit 1; }

# Packages: installs those that are missing; asks the mirror only if there are any.
need() {
  local package missing=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

# Fetches the source package into $1, without touching the machine's own list of sources.
fetch_source() {
  local into=$1 mirror codename apt
  mkdir -p "$into/lists/partial"
  codename=$(. /etc/os-release; echo "$VERSION_CODENAME")
  # shellcheck disable=SC2016 # apt expands it
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/*$') ||
    die "apt knows no Debian mirror (apt-get indextargets)"
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $codename main" >"$into/src.list"
  apt=(apt-get -qq "-oDir::Etc::sourcelist=$into/src.list" -oDir::Etc::sourceparts=-
    "-oDir::State::Lists=$into/lists" -oAPT::Sandbox::User=root)
  "${apt[@]}" update
  (cd "$into" && "${apt[@]}" source --download-only kubernetes >/dev/null)
}

# The one generated file that the source package leaves out; its generator is in the vendor tree.
generate_openapi() {
  local work=$1 folders
  "$go" build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
  folders=$(grep -rl --include='*.go' '+k8s:openapi-gen=' pkg cmd staging/src/k8s.io plugin |
    grep -vE 'code-generator/|sample-apiserver|_test.go|/examples?/' | xargs -n1 dirname | sort -u |
    sed -e 's#^staging/src/##' -e '/^k8s.io/!s#^#k8s.io/kubernetes/#' | paste -sd,)
  PATH="${go%/go}:$PATH" "$work/openapi-gen" --logtostderr -i "$folders" \
    -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi \
    -h hack/boilerplate/boilerplate.generatego.txt -r "$work/violations" >"$work/openapi-gen.log" 2>&1 ||
    { tail -n 20 "$work/openapi-gen.log" >&2; die "openapi-gen failed"; }
}

build_binaries() {
  local work src reflect2 package path flags command
  need golang-1.19-go golang-github-modern-go-reflect2-dev dpkg-dev
  work=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder's name of now is meant
  trap "rm -rf '$work'" EXIT
  say "fetching the source of Kubernetes $version"
  fetch_source "$work"
  # GOPATH mode: module mode refuses this go.mod
  export GOPATH="$work/go" GO111MODULE=off CGO_ENABLED=0 GOFLAGS='' GOCACHE="${GOCACHE:-${HOME:-/root}/.cache/go-build}"
  go=/usr/lib/go-1.19/bin/go
  src="$GOPATH/src/k8s.io/kubernetes"
  mkdir -p "$src"
  tar xzf "$work"/kubernetes_*.orig.tar.gz -C "$src" --strip-components=1
  cd "$src"
  # the vendored reflect2 crashes under Go 1.18 and later; Debian ships the fixed one
  reflect2=vendor/github.com/modern-go/reflect2
  rm -f "$reflect2"/*
  cp /usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} "$reflect2/"
  rm -f "$reflect2"/*_test.go
  generate_openapi "$work"
  flags="-s -w"
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    for path in "$package" "k8s.io/kubernetes/vendor/$package"; do
      flags="$flags -X $path.gitVersion=$version -X $path.gitMajor=1 -X $path.gitMinor=20 -X $path.gitTreeState=clean"
    done
  done
  for command in "${commands[@]}"; do
    [ -x "$out/bin/$command" ] && continue
    say "building $command"
    "$go" build -trimpath -ldflags "$flags" -o "$out/bin/.$command" "./cmd/$command"
    mv "$out/bin/.$command" "$out/bin/$command"
  done
}

build_images() {
  local command libc loader
  gcc -static -O1 -Wall -Wextra -Werror -o "$out/bin/.pause" "$here/pause.c"
  mv "$out/bin/.pause" "$out/bin/pause"
  for command in "${images[@]}"; do
    python3 "$here/mkimage.py" "$out/img/$command.tar" "k8s.gcr.io/$command:$version" null \
      "$out/bin/$command:usr/local/bin/$command"
  done
  python3 "$here/mkimage.py" "$out/img/pause.tar" k8s.gcr.io/pause:3.2 '["/pause"]' "$out/bin/pause:pause"
  # Debian's etcd is linked to glibc: both come along at their own paths
  libc=$(ldd /usr/bin/etcd | awk '/libc\.so/ {print $3}')
  loader=$(ldd /usr/bin/etcd | awk '/ld-linux/ {print $1}')
  python3 "$here/mkimage.py" "$out/img/etcd.tar" k8s.gcr.io/etcd:3.4.13-0 null \
    /usr/bin/etcd:usr/local/bin/etcd "$libc:${libc#/}" "$loader:${loader#/}"
}

[ "$(id -u)" -eq 0 ] || die "needs root: the lab makes network and mount namespaces"
[ "$(dpkg --print-architecture)" = amd64 ] || die "the image maker knows amd64 only"
# what a node runs, and what the end-to-end tests call
need etcd-server containerd runc openssh-server openssh-client containernetworking-plugins \
  iproute2 iptables conntrack socat ethtool curl sudo procps util-linux faketime openssl
command -v kubectl >/dev/null || need kubernetes-client

recipe=$(cat "$here/build.sh" "$here/mkimage.py" "$here/pause.c" | sha256sum | cut -d' ' -f1)
mkdir -p "$out/bin" "$out/img"
[ "$(cat "$out/version" 2>/dev/null || echo "$version")" = "$version" ] || rm -f "$out"/bin/*
exec 9>"$out/.lock"
flock 9 || die "cannot lock $out"
if [ "$(cat "$out/.complete" 2>/dev/null)" = "$recipe" ]; then
  exit 0
fi
need gcc libc6-dev python3
for command in "${commands[@]}"; do
  [ -x "$out/bin/$command" ] || { build_binaries; break; }
done
say "making the images"
build_images
echo "$version" >"$out/version"
echo "$recipe" >"$out/.complete"
say "complete: $out"
