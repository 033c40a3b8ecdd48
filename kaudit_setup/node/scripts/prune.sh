# Removes backups by name.
for name in "$@"; do
  case $name in */* | .* | '') exit 2 ;; esac
  rm -rf -- "$STATE/backups/$name" || exit 1
done
