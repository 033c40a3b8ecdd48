# Sends files as frames. $1: folder; then the files' names in it.
folder=$R$1
shift
for name in "$@"; do blob "$name" "$folder/$name" || exit 1; done
