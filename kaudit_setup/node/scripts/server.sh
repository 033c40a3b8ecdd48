# Where this node's own API server listens, as its command line says: ADDRESS and PORT, for client.sh. Follows lib.sh.
# Ends without a word where there is no server.
WORDS=''
for p in $(pids_of kube-apiserver); do words_of "$R/proc/$p" && break; done
if [ -z "$WORDS" ]; then exit 0; fi
flag_of() { # name default: `--name=value` or `--name value`, the last one counts
  FLAG=$(printf '%s\n' "$WORDS" | sed -n "s/^--\{0,1\}$1=//p; /^--\{0,1\}$1\$/{n;p;}" | tail -n 1)
  FLAG=${FLAG:-$2}
}
flag_of bind-address ::
case $FLAG in 0.0.0.0 | ::) flag_of advertise-address 127.0.0.1 ;; esac
ADDRESS=$FLAG
flag_of secure-port 6443
PORT=$FLAG
