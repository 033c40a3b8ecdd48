# Asks this node's own API server. Follows lib.sh; ADDRESS and PORT say where it listens.
#   ask METHOD PATH [BODY-FILE]: the HTTP status in CODE (000: no answer), the answer's body in the file $ANSWER.
# curl with the client certificate that kubeadm leaves on the node, or kubectl with admin.conf. No secret in an argv.
PKI=$R/etc/kubernetes/pki
HOST=kubernetes.default.svc # named in every serving certificate of kubeadm's; the address may not be
ANSWER=$(mktemp "${TMPDIR:-/tmp}/kaudit.XXXXXX") || exit 12
CODE=000
case $ADDRESS in *:*) _at="[$ADDRESS]" ;; *) _at=$ADDRESS ;; esac

if have curl && [ -r "$PKI/apiserver-kubelet-client.key" ]; then
  ask() {
    if [ $# -gt 2 ]; then set -- "$1" "$2" -H 'Content-Type: application/json' --data-binary "@$3"; fi
    _method=$1 _path=$2
    shift 2
    : >"$ANSWER"
    CODE=$(curl -s -o "$ANSWER" -w '%{http_code}' -m 10 --noproxy '*' --resolve "$HOST:$PORT:$_at" \
      --cacert "$PKI/ca.crt" --cert "$PKI/apiserver-kubelet-client.crt" --key "$PKI/apiserver-kubelet-client.key" \
      -X "$_method" "$@" "https://$HOST:$PORT$_path") || CODE=000
  }
elif have kubectl && [ -r "$R/etc/kubernetes/admin.conf" ]; then
  ask() {
    _method=$1 _path=$2
    case $_method in GET) _verb=get ;; PUT) _verb=replace ;; *) return 1 ;; esac
    if [ $# -gt 2 ]; then set -- -f "$3"; else set --; fi
    if _why=$(KUBECONFIG=$R/etc/kubernetes/admin.conf kubectl --server "https://$_at:$PORT" --request-timeout=10s \
      --tls-server-name "$HOST" "$_verb" --raw "$_path" "$@" 2>&1 >"$ANSWER"); then
      CODE=200
    else
      case $_why in
      *NotFound* | *'not found'*) CODE=404 ;;
      *Conflict* | *'object has been modified'*) CODE=409 ;;
      *Forbidden* | *forbidden*) CODE=403 ;;
      *) CODE=000 ;;
      esac
      printf '%s' "$_why" >"$ANSWER"
    fi
  }
else
  ask() { CODE=none; }
fi
