# Waits on the node until the kube-apiserver that the manifest asks for is the one that runs, answers, and writes.
# Follows lib.sh. Needs: WANT (its --audit lines, sorted), OLD (` pid:start ` of servers that do not count),
# LIMIT (seconds), SETTLE (seconds it must stay), PORT, LOG (path, `stdout`, or empty: nothing to find), MARK, and the
# functions `probe` (send the marked request) and `ready` (true if /readyz says 200).
PODLOGS=$R/var/log/pods
DEADLINE=$(($(uptime_s) + LIMIT))

server_logs() { ls -t "$PODLOGS"/kube-system_kube-apiserver-*/kube-apiserver/*.log 2>/dev/null; }
tail_of_server() { server_logs | head -n 1 | while IFS= read -r _l; do tail -n 40 "$_l" | tail -c 32768; done; }

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

phase='' found='' MINE='' crash_check=0 logs_at_start=$(server_logs | wc -l)
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
# a server that ended by itself with a word of why, or one that kubelet has started three times by now
crashed() {
  _new=$(($(server_logs | wc -l) - logs_at_start))
  [ "$_new" -ge 1 ] || return 1
  tail_of_server | grep -v 'address already in use' |
    grep -qE '(^| )Error: |"command failed"|unknown flag: |invalid argument ".*" for|^panic: | panic: ' && return 0
  [ "$_new" -ge 3 ]
}

enter restart
while :; do
  if [ "$(uptime_s)" -ge "$DEADLINE" ]; then give_up timeout; fi
  mine='' holder='' other_holder=''
  for p in $(pids_of kube-apiserver); do
    s=$(start_of "$p")
    [ -n "$s" ] || continue
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
  if [ -z "$mine" ]; then
    [ -z "$MINE" ] || enter again
    found='' MINE=''
    crash_check=$((crash_check + 1))
    if [ $((crash_check % 5)) -eq 0 ] && crashed; then give_up crash; fi
    nap
    continue
  fi
  if [ "$MINE" != "$mine" ]; then
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
field proved "$(uptime_s)"
