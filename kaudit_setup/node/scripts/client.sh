# Asks this node's own API server. Follows lib.sh; ADDRESS and PORT say where it listens.
#   ask METHOD PATH [BODY-FILE]: the HTTP status in CODE (000: no answer, none: no client here), the answer's body in the
#   file $ANSWER. A credential that is refused (401, 403) makes way for the next one.
# Since 1.36.1 apiserver-kubelet-client may do nothing but talk to kubelets (kubernetes#138958), so that what is asked
# here needs admin.conf, or super-admin.conf where that is all there is. No secret in an argv, and no file of a key but
# in memory.
PKI=$R/etc/kubernetes/pki
HOST=kubernetes.default.svc # named in every serving certificate of kubeadm's; the address may not be
ANSWER=$(mktemp "${TMPDIR:-/tmp}/kaudit.XXXXXX") || exit 12
KEYS='' CODE=000 WAY=''
case $ADDRESS in *:*) _at="[$ADDRESS]" ;; *) _at=$ADDRESS ;; esac
# nothing of this stays, however the script ends
forget() {
  rm -f -- "$ANSWER"
  drop_keys
}
trap forget EXIT
trap 'exit 1' HUP INT TERM PIPE

WAYS=''
if have curl && [ -r "$PKI/apiserver-kubelet-client.key" ]; then WAYS=pki; fi
for _conf in admin super-admin; do
  if [ -r "$R/etc/kubernetes/$_conf.conf" ]; then WAYS="$WAYS $_conf"; fi
done

ask() {
  CODE=none
  for _way in $WAY $WAYS; do
    ask_by "$_way" "$@"
    case $CODE in 401 | 403 | none) ;; *) WAY=$_way && return ;; esac
  done
}
ask_by() { # way method path [body-file]
  _way=$1
  shift
  case $_way in
  pki) ask_curl "$PKI/apiserver-kubelet-client.crt" "$PKI/apiserver-kubelet-client.key" "$@" ;;
  *)
    if have curl && have base64 && take_keys "$R/etc/kubernetes/$_way.conf"; then
      ask_curl "$KEYS/crt" "$KEYS/key" "$@"
      drop_keys
    elif have kubectl; then
      ask_kubectl "$R/etc/kubernetes/$_way.conf" "$@"
    else
      CODE=none
    fi
    ;;
  esac
}
# The certificate and the key of a kubeconfig, in memory; false where that cannot be. They are there for one request
# only, so that a script which is killed leaves them behind as seldom as can be; `sweep` finds what it left.
take_keys() { # kubeconfig
  for _dir in /dev/shm /run; do
    case $(stat -f -c %T "$_dir" 2>/dev/null) in tmpfs | ramfs) ;; *) continue ;; esac
    KEYS=$(mktemp -d "$_dir/kaudit-keys.XXXXXX" 2>/dev/null) && break
  done
  [ -n "$KEYS" ] || return 1
  sed -n 's/^ *client-certificate-data: *//p' "$1" | head -n 1 | base64 -d >"$KEYS/crt" 2>/dev/null
  sed -n 's/^ *client-key-data: *//p' "$1" | head -n 1 | base64 -d >"$KEYS/key" 2>/dev/null
  if [ -s "$KEYS/crt" ] && [ -s "$KEYS/key" ]; then return; fi
  drop_keys
  return 1
}
drop_keys() {
  if [ -n "$KEYS" ]; then rm -rf -- "$KEYS"; fi
  KEYS=''
}
ask_curl() { # certificate key method path [body-file]
  _crt=$1 _key=$2 _method=$3 _path=$4
  if [ $# -gt 4 ]; then set -- -H 'Content-Type: application/json' --data-binary "@$5"; else set --; fi
  : >"$ANSWER"
  CODE=$(curl -q -s -o "$ANSWER" -w '%{http_code}' -m 10 --noproxy '*' --resolve "$HOST:$PORT:$_at" \
    --cacert "$PKI/ca.crt" --cert "$_crt" --key "$_key" -X "$_method" "$@" "https://$HOST:$PORT$_path") || CODE=000
}
ask_kubectl() { # kubeconfig method path [body-file]
  _conf=$1 _method=$2 _path=$3
  case $_method in GET) _verb='get' ;; PUT) _verb='replace' ;; *) return 1 ;; esac
  if [ $# -gt 3 ]; then set -- -f "$4"; else set --; fi
  if _why=$(KUBECONFIG=$_conf kubectl --server "https://$_at:$PORT" --request-timeout=10s \
    --tls-server-name "$HOST" "$_verb" --raw "$_path" "$@" 2>&1 >"$ANSWER"); then
    CODE=200
  else
    case $_why in
    *NotFound* | *'not found'*) CODE=404 ;;
    *Conflict* | *'object has been modified'*) CODE=409 ;;
    *Forbidden* | *forbidden*) CODE=403 ;;
    *Unauthorized* | *'must be logged in'*) CODE=401 ;;
    *) CODE=000 ;;
    esac
    printf '%s' "$_why" >"$ANSWER"
  fi
}
