#!/usr/bin/env bash
# Every step of a release up to the upload; `dist/` then holds what is uploaded. Run by `make release`, after the tests.
# --draft: also with changes that are not committed, and without a heading in CHANGELOG.md (for tests)
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/../.."
here=$PWD/contrib/packaging
draft=${1-}
bin=$PWD/.venv/bin      # the project, as `make install` made it
tools=$PWD/.venv-release/bin
fail() { echo "release: $1" >&2; exit 1; }

version=$("$bin/python" -c 'import kaudit_setup; print(kaudit_setup.__version__)')
if [ "$draft" != --draft ]; then
  [ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed"
  grep -qE "^## \[$version\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$" CHANGELOG.md || fail "CHANGELOG.md has no heading '## [$version] - DATE'"
  [ -z "$(git tag -l "v$version")" ] || fail "the tag v$version is there already"
fi
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
umask 022
if [ ! -e "$tools/.installed" ] || [ "$here/requirements-release.lock" -nt "$tools/.installed" ]; then
  "${PYTHON:-python3}" -m venv .venv-release
  "$tools/pip" -q --disable-pip-version-check install --require-hashes -r "$here/requirements-release.lock"
  touch "$tools/.installed"
fi
rm -rf dist && mkdir dist
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "== wheel and sdist, twice: the same bytes"
"$tools/python" -m build --no-isolation --outdir dist . >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; fail "the build failed"; }
"$tools/python" -m build --no-isolation --outdir "$work/again" . >/dev/null 2>&1
for file in dist/*; do
  cmp "$file" "$work/again/${file##*/}" || fail "$file is not reproducible"
done

echo "== the wheel in an empty environment"
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install --require-hashes -r "$here/requirements.lock"
"$work/venv/bin/pip" -q --disable-pip-version-check install --no-deps dist/*.whl
(cd "$work" && "$work/venv/bin/kaudit-setup" --version)

echo "== what is in it: CycloneDX, and known weaknesses"
"$tools/cyclonedx-py" environment "$work/venv/bin/python" --pyproject pyproject.toml --output-reproducible \
  --output-file "dist/kaudit-setup-$version.cdx.json"
"$tools/pip-audit" --strict --require-hashes --disable-pip -r "$here/requirements.lock" ||
  [ "$draft" = --draft ] || fail "pip-audit found something, or could not ask"

echo "== man pages and completions"
stage=$work/stage
mkdir -p "$stage/man" "$stage/completion" "$stage/lib"
"$bin/python" "$here/man.py" "$stage/man"
gzip -9n "$stage"/man/*.1
for shell in bash zsh fish; do
  _KAUDIT_SETUP_COMPLETE=source_$shell "$bin/kaudit-setup" >"$stage/completion/$shell"
done

echo "== what runs without Python"
"$here/executable.sh" dist/*.whl "$work/frozen"
cp "$work/frozen/kaudit-setup" "dist/kaudit-setup-$version-linux-amd64"
cp -r "$work/frozen/kaudit-setup-dir" "$stage/lib/"
same=(--sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" "--mode=u+rwX,go+rX,go-w")
# libraries are not programs, and scripts are
find "$stage/lib" -name '*.so*' -exec chmod a-x {} +
find "$stage/lib" -path '*/shims/*.sh' -exec chmod a+x {} +
tar "${same[@]}" -C "$stage" -cf - completion man | tar -C "$work/frozen/kaudit-setup-dir" -xf -
cp LICENSE "$work/frozen/kaudit-setup-dir/"
tar "${same[@]}" -C "$work/frozen" -cf - kaudit-setup-dir | gzip -9n >"dist/kaudit-setup-$version-linux-amd64.tar.gz"

echo "== deb and rpm"
{
  printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: kaudit-setup\n\n'
  printf 'Files: *\nCopyright: 2026 The kaudit-setup authors\nLicense: Apache-2.0\n'
  printf ' On Debian systems, the full text is in /usr/share/common-licenses/Apache-2.0.\n'
} >"$stage/copyright"
{
  printf 'kaudit-setup (%s-1) unstable; urgency=medium\n\n  * See CHANGELOG.md of the project.\n\n' "${version/rc/~rc}"
  printf ' -- kaudit-setup maintainers <maintainers@kaudit-setup.invalid>  %s\n' "$(date -Rud "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$stage/changelog.Debian.gz"
chmod -R u+rwX,go+rX,go-w "$stage"
for packager in deb rpm; do
  VERSION=${version/rc/~rc} STAGE=$stage HERE=$here "$tools/nfpm" package --config "$here/nfpm.yaml" \
    --packager "$packager" --target dist/ >/dev/null
done
echo "== install, upgrade, uninstall"
mkdir -p "$work/older/source" "$work/older/lib"
tar -xzf "dist/kaudit_setup-$version.tar.gz" --strip-components=1 -C "$work/older/source"
sed -i 's/^__version__ = .*/__version__ = "0.9.0"/' "$work/older/source/kaudit_setup/__init__.py"
rm "$work/older/source/PKG-INFO" # else its version counts
touch "$work/older/source/kaudit_setup/gone-since"
"$tools/python" -m build --no-isolation --wheel --outdir "$work/older" "$work/older/source" >/dev/null 2>&1
"$here/lifecycle.sh" wheel "$work/venv" "$work/older"/*.whl dist/*.whl
# the same program, which says the version of the older one
cp -r "$stage" "$work/older/stage"
touch "$work/older/stage/lib/kaudit-setup-dir/gone-since"
rm "$work/older/stage/lib/kaudit-setup-dir/kaudit-setup-dir"
printf '#!/bin/sh\necho "kaudit-setup 0.9.0"\n' >"$work/older/stage/lib/kaudit-setup-dir/kaudit-setup-dir"
chmod 755 "$work/older/stage/lib/kaudit-setup-dir/kaudit-setup-dir"
VERSION=0.9.0 STAGE=$work/older/stage HERE=$here "$tools/nfpm" package --config "$here/nfpm.yaml" \
  --packager deb --target "$work/older/" >/dev/null
if command -v dpkg >/dev/null; then
  "$here/lifecycle.sh" deb "$work/system" "$work/older"/*.deb dist/*.deb
else
  echo "dpkg is not here: the deb was not installed"
fi

echo "== lintian"
if command -v lintian >/dev/null; then
  lintian --fail-on error,warning dist/*.deb
else
  echo "lintian is not installed: the deb was not looked at"
fi

echo "== krew and Homebrew"
sum() { sha256sum "$1" | cut -d' ' -f1; }
fill() {
  sed -e "s/@VERSION@/$version/g" -e "s/@VERSION_PY@/$version/g" \
    -e "s/@SHA256_TAR@/$(sum "dist/kaudit-setup-$version-linux-amd64.tar.gz")/" \
    -e "s/@SHA256_SDIST@/$(sum "dist/kaudit_setup-$version.tar.gz")/" "$1" | grep -v 'release.sh fills' >"$2"
}
fill "$here/krew.yaml" dist/krew.yaml
fill "$here/homebrew.rb" dist/kaudit-setup.rb

(cd dist && sha256sum ./* | sed 's| \./| |' >../SHA256SUMS.tmp && mv ../SHA256SUMS.tmp SHA256SUMS)
ls -l dist
echo "next: git tag -s v$version && git push origin v$version (the workflow release.yml uploads)"
