# Waits on the node until the kube-apiserver that the manifest asks for is the one that runs, answers, and writes.
# Follows lib.sh. Needs: WANT (its --audit lines, sorted), OLD (` pid:start ` of servers that do not count),
# HOOK (host path of the webhook's kubeconfig, or empty), HOOKWAIT (seconds after which it must have been asked),
# LIMIT (seconds), BACKOFF (seconds more, if kubelet holds the server back), RUN (folder of the change whose watchdog
# then waits longer, too; may be empty), RESTART (yes: kubelet is restarted instead, once; or empty), SETTLE (seconds
# it must stay), PORT, LOG (path, `stdout`, or empty), MARK, and the
# functions `probe` (send the marked request) and `ready` (true if /readyz says 200).
PODLOGS=$R/var/log/pods
DEADLINE=$(($(uptime_s) + LIMIT))
BEGAN=$(date +%s)

server_logs() { ls -t "$PODLOGS"/kube-system_kube-apiserver-*/kube-apiserver/*.log 2>/dev/null; }
# of a server that was started since: an older log tells about something else
tail_of_server() {
  server_logs | head -n 1 | while IFS= read -r _l; do
    [ "$(stat -c %Y "$_l")" -ge "$BEGAN" ] || continue
    # a Go stack of thousands of lines would hide what was said before it
    grep -E ' [EF][0-9]{4} |Error: |panic: |fatal error: ' "$_l" | tail -n 60 | tail -c 65536
    tail -n 5 "$_l"
  done
}

# where new events will be: everything behind this point, and whatever is rotated from now on
if [ -n "$LOG" ] && [ "$LOG" != stdout ]; then
  FROM=$(wc -c <"$R$LOG" 2>/dev/null) || FROM=0
  INODE=$(stat -c %i "$R$LOG" 2>/dev/null) || INODE=none
fi
find_event() {
  if [ "$LOG" = stdout ]; then
    _l=$(server_logs | head -n 1)
    [ -n "$_l" ] && grep -F -- "$MARK" "$_l" | tail -n 1
    return
  fi
  _at=1 _also=
  if [ "$(stat -c %i "$R$LOG" 2>/dev/null)" = "$INODE" ]; then
    _at=$((FROM + 1))
  else
    _also=$(ls -t "$R${LOG%.*}"-[0-9]* 2>/dev/null | head -n 1)
  fi
  {
    [ -n "$_also" ] && cat "$_also"
    tail -c "+$_at" "$R$LOG"
  } 2>/dev/null | grep -F -- "$MARK" | tail -n 1
}

# Health alone proves nothing: an old server that drains for minutes still says 200. So the one that holds the
# listening socket must be the new one. (PIDs under $R/proc are real ones, so /proc is right for them, too.)
holds_port() { # pid
  _hex=$(printf ':%04X' "$PORT")
  for _inode in $(awk -v port="$_hex" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10 }' \
    "/proc/$1/net/tcp" "/proc/$1/net/tcp6" 2>/dev/null | sort -u); do
    ls -l "/proc/$1/fd" 2>/dev/null | grep -q "socket:\[$_inode\]" && return 0
  done
  return 1
}

# Whether the receiver took events is known to the receiver, and to the server's own client metrics
# (component-base/metrics/prometheus/restclient); a failed batch counts as an error of plugin `webhook`.
receiver() {
  sed -n 's#.*server"\{0,1\}: *"\{0,1\}https\{0,1\}://\([^/" ,}]*\).*#\1#p' "$R$HOOK" 2>/dev/null | head -n 1
}
hook_state() { # taken, failed, or nothing yet
  _m=$(metrics | grep -e '^apiserver_audit_error_total' -e '^rest_client_requests_total')
  if printf '%s\n' "$_m" | grep '^apiserver_audit_error_total{plugin="webhook"}' | grep -qv ' 0$'; then
    echo failed
  elif printf '%s\n' "$_m" | grep -F "host=\"$(receiver)\"" | grep -q 'code="2'; then
    echo taken
  fi
}

phase='' found='' MINE='' sent='' hook='' deaths=0 check=0 quiet='' held=''
enter() {
  if [ "$phase" != "$1" ]; then
    phase=$1
    field phase "$phase"
  fi
}
give_up() {
  field gaveup "$1"
  field phase.last "$phase"
  field serverlog "$(tail_of_server)"
  exit 30
}
# A server that says why it cannot start, or one that has ended twice. kube-apiserver 1.20 may end once because the
# old server still holds the port: that is not a failure. (kubelet keeps only the last dead container's log.)
crashed() {
  _tail=$(tail_of_server)
  case $_tail in *'address already in use'*) return 1 ;; esac
  [ "$deaths" -ge 2 ] && return 0
  printf '%s\n' "$_tail" | grep -qE '(^| )Error: |"command failed"|unknown flag: |invalid argument ".*" for'
}

# Going back to a manifest that ran within the last minutes, kubelet holds its Pod back for up to 5 minutes, as it does
# a crashing one (kuberuntime_manager.go:doBackOff): there is no server at all, and nothing is wrong with the change.
restart_kubelet() {
  [ -z "$R" ] && [ -d /run/systemd/system ] && have systemctl || return 1
  _unit=$(sed -n 's#.*/\([^/]*\.service\)$#\1#p' "/proc/$(pids_of kubelet | head -n 1)/cgroup" 2>/dev/null | tail -n 1)
  systemctl restart "${_unit:-kubelet.service}" >/dev/null 2>&1
}
hold_on() {
  # without kubelet nothing comes back, however long one waits
  if [ -n "$quiet" ] && [ "$BACKOFF" -gt 0 ] && [ $(($(uptime_s) - quiet)) -ge 15 ] && [ -n "$(pids_of kubelet)" ]; then
    if [ -n "$RESTART" ] && restart_kubelet; then
      # asked for: what it holds back is in its memory only
      RESTART='' quiet=''
      enter kubelet
      return
    fi
    enter backoff
    held=$quiet
    DEADLINE=$((DEADLINE + BACKOFF))
    if [ -n "$RUN" ] && [ -s "$R$RUN/deadline" ]; then
      echo $(($(cat "$R$RUN/deadline") + BACKOFF)) >"$R$RUN/deadline.new" && mv -f "$R$RUN/deadline.new" "$R$RUN/deadline"
    fi
    BACKOFF=0
  fi
}

enter restart
while :; do
  if [ "$(uptime_s)" -ge "$DEADLINE" ]; then give_up timeout; fi
  mine='' holder='' other_holder='' any=''
  for p in $(pids_of kube-apiserver); do
    s=$(start_of "$p")
    [ -n "$s" ] || continue
    any=yes
    lines=$({ tr '\0' '\n' <"$R/proc/$p/cmdline"; } 2>/dev/null | grep -e '^--audit' | sort)
    case $OLD in
    *" $p:$s "*) old=yes ;;
    *) if [ "$lines" = "$WANT" ]; then old=''; else old=yes; fi ;;
    esac
    if [ -z "$old" ]; then
      mine="$p:$s"
      if holds_port "$p"; then holder=yes; fi
    elif holds_port "$p"; then
      other_holder=yes
    fi
  done
  if [ -n "$any" ]; then quiet=''; elif [ -z "$quiet" ]; then quiet=$(uptime_s); fi
  if [ -z "$mine" ]; then
    if [ -n "$MINE" ]; then
      deaths=$((deaths + 1))
      enter again
    fi
    found='' MINE=''
    check=$((check + 1))
    # while an old state comes back, the last words of the server that failed are still there
    if [ -n "${CRASHES-yes}" ] && [ $((check % 5)) -eq 0 ] && crashed; then give_up crash; fi
    hold_on
    nap
    continue
  fi
  if [ -n "$held" ]; then
    field held $(($(uptime_s) - held))
    held=''
  fi
  if [ "$MINE" != "$mine" ]; then
    if [ -n "$MINE" ]; then deaths=$((deaths + 1)); fi
    MINE=$mine found=''
    since=$(uptime_s)
    enter start
  fi
  if [ -n "$other_holder" ] || [ -z "$holder" ]; then
    if [ -n "$other_holder" ]; then enter drain; fi
    nap
    continue
  fi
  if [ -n "$LOG" ] && [ -z "$found" ]; then
    if probe; then
      enter event
      found=$(find_event)
    fi
    if [ -z "$found" ]; then
      nap
      continue
    fi
  fi
  if ! ready; then
    enter ready
    nap
    continue
  fi
  if [ -n "$HOOK" ] && [ "$sent" != "$mine" ]; then
    if ! probe; then
      nap
      continue
    fi
    sent=$mine asked=$(uptime_s)
  fi
  if [ -n "$HOOK" ]; then
    enter webhook
    hook=$(hook_state)
    if [ "$hook" = failed ]; then give_up webhook; fi
    if [ -z "$hook" ] && [ $(($(uptime_s) - asked)) -lt "$HOOKWAIT" ]; then
      nap
      continue
    fi
  fi
  if [ $(($(uptime_s) - since)) -lt "$SETTLE" ]; then
    enter settle
    nap
    continue
  fi
  [ "$(start_of "${MINE%%:*}")" = "${MINE##*:}" ] || continue
  break
done
field server "$MINE"
field cmdline "$({ tr '\0' '\n' <"$R/proc/${MINE%%:*}/cmdline"; } 2>/dev/null)"
field event "$found"
field hook "$hook"
field proved "$(uptime_s)"
