# Waits until every API server of $3… (ADDRESS,PORT) says /readyz, at most $1 seconds. Follows lib.sh.
# Frames: `waiting` with those that do not, whenever that changes; `ready` or, when the time is up, `notready`.
deadline=$(($(uptime_s) + $1))
shift
PKI=$R/etc/kubernetes/pki
is_ready() { # ADDRESS,PORT
  case ${1%,*} in *:*) _at="[${1%,*}]" ;; *) _at=${1%,*} ;; esac
  if have curl; then
    # /readyz is open to everybody unless anonymous requests are switched off; the certificate covers that, too
    set -- "${1##*,}"
    if [ -r "$PKI/apiserver-kubelet-client.key" ]; then
      set -- "$1" --cert "$PKI/apiserver-kubelet-client.crt" --key "$PKI/apiserver-kubelet-client.key"
    fi
    _port=$1
    shift
    [ "$(curl -q -s -o /dev/null -w '%{http_code}' -m 5 --noproxy '*' --cacert "$PKI/ca.crt" "$@" \
      --resolve "kubernetes.default.svc:$_port:$_at" "https://kubernetes.default.svc:$_port/readyz")" = 200 ]
  else
    KUBECONFIG=$(admin_conf) kubectl --server "https://$_at:${1##*,}" --request-timeout=5s \
      --tls-server-name kubernetes.default.svc get --raw /readyz >/dev/null 2>&1
  fi
}
last=none
while :; do
  late=
  for server in "$@"; do
    if ! is_ready "$server"; then late="$late $server"; fi
  done
  if [ -z "$late" ]; then
    field ready ok
    exit 0
  fi
  if [ "$late" != "$last" ]; then
    field waiting "${late# }"
    last=$late
  fi
  if [ "$(uptime_s)" -ge "$deadline" ]; then
    field notready "${late# }"
    exit 0
  fi
  nap
done
