# Asks this node's own API server. Follows lib.sh; ADDRESS and PORT say where it listens; ACCEPT, if it is set, in which
# form curl asks for the answer.
#   ask METHOD PATH [BODY-FILE]: the HTTP status in CODE (000: no answer, none: no client here), the answer's body in the
#   file $ANSWER. A credential that is refused (401, 403) makes way for the next one.
#   ask_each PATH...: GET each of them, on one connection: what CODE would be in CODES, in the order of the paths, the
#   bodies in the files $ANSWER.1, $ANSWER.2 and so on.
# Since 1.36.1 apiserver-kubelet-client may do nothing but talk to kubelets (kubernetes#138958), so that what is asked
# here needs admin.conf, or super-admin.conf where that is all there is. No secret in an argv, and no file of a key but
# in memory.
PKI=$R/etc/kubernetes/pki
HOST=kubernetes.default.svc # named in every serving certificate of kubeadm's; the address may not be
ANSWERS=$(scratch -d) || exit 12
ANSWER=$ANSWERS/body
: >"$ANSWER"
KEYS='' CODE=000 CODES='' WAY=''
case $ADDRESS in *:*) _at="[$ADDRESS]" ;; *) _at=$ADDRESS ;; esac
# nothing of this stays, however the script ends
forget() {
  rm -rf -- "$ANSWERS"
  drop_keys
}
trap forget EXIT
trap 'exit 1' HUP INT TERM PIPE

WAYS=''
for _conf in admin super-admin; do
  if [ -r "$R/etc/kubernetes/$_conf.conf" ]; then WAYS="$WAYS $_conf"; fi
done
# who needs no key from a kubeconfig, in a group that may do all: else it is asked last
in_group() {
  ! have base64 || sed '/^-----/d' "$1" | base64 -d 2>/dev/null | grep -qaE 'system:masters|kubeadm:cluster-admins'
}
if have curl && [ -r "$PKI/apiserver-kubelet-client.key" ]; then
  if in_group "$PKI/apiserver-kubelet-client.crt"; then WAYS="pki $WAYS"; else WAYS="$WAYS pki"; fi
fi

ask() {
  CODE=none
  for _way in $WAY $WAYS; do
    ask_by "$_way" "$@"
    case $CODE in 401 | 403 | none) ;; *) WAY=$_way && return ;; esac
  done
}
ask_each() { # path...
  for _way in $WAYS; do
    get_by "$_way" "$@"
    case " $CODES " in *' 401 '* | *' 403 '* | *' none '*) ;; *) WAY=$_way && return ;; esac
  done
  # none that may do all of it: each on its own
  _codes='' _number=0
  for _path in "$@"; do
    _number=$((_number + 1))
    ask GET "$_path"
    _codes="$_codes $CODE"
    if [ -e "$ANSWER" ]; then mv -f "$ANSWER" "$ANSWER.$_number"; else : >"$ANSWER.$_number"; fi
  done
  CODES=$_codes
}
get_by() { # way path...
  _way=$1
  shift
  case $_way in
  pki) get_by_curl "$PKI/apiserver-kubelet-client.crt" "$PKI/apiserver-kubelet-client.key" "$@" ;;
  *)
    if have curl && have base64 && take_keys "$R/etc/kubernetes/$_way.conf"; then
      get_by_curl "$KEYS/crt" "$KEYS/key" "$@"
      drop_keys
    else
      CODES=none
    fi
    ;;
  esac
}
get_by_curl() { # certificate key path...
  _crt=$1 _key=$2
  shift 2
  _left=$# _number=0
  while [ "$_number" -lt "$_left" ]; do
    _number=$((_number + 1))
    : >"$ANSWER.$_number"
    set -- "$@" -o "$ANSWER.$_number" "https://$HOST:$PORT$1"
    shift
  done
  # an answer that could not be kept is none; curl's own exit status tells of the last one only
  _number=0 CODES=''
  for _one in $(curl_as "$_crt" "$_key" "$@"); do
    _number=$((_number + 1))
    if [ "$(wc -c <"$ANSWER.$_number")" -ne "${_one#*:}" ]; then _one=000; fi
    CODES="$CODES ${_one%:*}"
  done
  while [ "$_number" -lt "$_left" ]; do
    _number=$((_number + 1))
    CODES="$CODES 000"
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
# prints the HTTP status of each request, and how many bytes its answer has: `200:1234`; the audit log tells whose it was
curl_as() { # certificate key option-or-URL...
  _crt=$1 _key=$2
  shift 2
  curl -q -s -A kaudit-setup -w '%{http_code}:%{size_download}\n' -m 10 --noproxy '*' --resolve "$HOST:$PORT:$_at" --cacert "$PKI/ca.crt" \
    --cert "$_crt" --key "$_key" "$@"
}
ask_curl() { # certificate key method path [body-file]
  _crt=$1 _key=$2 _method=$3 _path=$4
  if [ $# -gt 4 ]; then set -- -H 'Content-Type: application/json' --data-binary "@$5"; else set --; fi
  if [ -n "${ACCEPT-}" ]; then set -- "$@" -H "Accept: $ACCEPT"; fi
  : >"$ANSWER"
  CODE=$(curl_as "$_crt" "$_key" -o "$ANSWER" -X "$_method" "$@" "https://$HOST:$PORT$_path") || CODE=000
  CODE=${CODE%:*}
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
