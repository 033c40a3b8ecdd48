# Finds, searches and streams the audit logs of a node; changes nothing. Runs with lib.sh in front.
#   list GZIP PATH...                                  one line for each file that may be a log, `HOW MODE DEVICE INODE
#                                                      SIZE MTIME UID GID PATH`; what is one is decided by who
#                                                      asks, as for files of his own. HOW is `o`: of the kube-apiserver here (its
#                                                      log stands in a line `own PATH`, and who may write it in
#                                                      lines `writer UID`), `a`: named, `d`: in a folder, `s`: there
#                                                      under any other name, but an audit log by what it holds
#   search GZIP WAY COUNT NAMES LITERAL... NAME... PATTERN...
#                                                      lines that hold any literal (COUNT of them; none: every line), or
#                                                      in a log that is not in kube-apiserver's own order any of the
#                                                      NAMES names, and that every PATTERN (an extended regular
#                                                      expression) fits; and what was read. The files are on standard
#                                                      input, see below. WAY `lines`: a file that does not begin with a
#                                                      line of kube-apiserver is only named; `any`: all are searched
#   sift GZIP WAY FROM TO NEWS COUNT NAMES LITERAL... NAME... PATTERN...
#                                                      the same for files in other shapes, of which it gives each line
#                                                      as it is, with its number; the parts of an event that a
#                                                      container runtime cut are one line. WAY: how lines belong
#                                                      together (see JOIN), or `own`: find out. Bytes [FROM, TO) of each
#                                                      file (TO empty: to its end). NEWS `yes`: only what is whole, and
#                                                      nothing beside it; else the first and the last event come along,
#                                                      which tell the time covered, and those that are damaged
#   fetch GZIP PATH INODE FROM TO                      bytes [FROM, TO) of the file with that inode
#                                                      (FROM `begin`: so many of its first ones, unpacked)
#   several GZIP                                       the bytes of all files on standard input, `INODE PATH`
#   sum PATH INODE TO                                  SHA-256 of bytes [0, TO)
# GZIP is `gzip` or `cat`: what the answer goes through. PATH is a file, a folder or a glob; none: where the
# kube-apiserver here writes its log, and the rotated files beside it.
NL='
'

# What a manifest in kubelet's folder, which only root can write, says of the log; empty if nothing does.
path_in_manifests() {
  for f in "$R"/etc/kubernetes/manifests/*; do
    [ -f "$f" ] || continue
    path=$(sed -n 's/.*--audit-log-path=\([^"'\'' ]*\).*/\1/p' "$f" 2>/dev/null | tail -n 1)
    if [ -n "$path" ]; then echo "$path" && return; fi
  done
}

# Where kubelet keeps what the static Pods of kube-apiserver write to standard output.
STDOUT='/var/log/pods/kube-system_kube-apiserver-*/kube-apiserver'

# The log of the running server or of its manifest, where this script can read it. A server that writes elsewhere than
# the manifest says is another one: anybody with a Pod on the host's network may call a process kube-apiserver. What
# the node has at that path counts first; of views that only processes have, there must be one.
default_path() {
  said=$(path_in_manifests)
  view=''
  for p in $(pids_of kube-apiserver); do
    path=$({ tr '\0' '\n' <"$R/proc/$p/cmdline"; } 2>/dev/null | sed -n 's/^--audit-log-path=//p' | tail -n 1)
    if [ "$path" = - ] && [ "${said:--}" = - ]; then echo - && return; fi
    if [ -z "$path" ] || ! [ -e "$R/proc/$p/root$path" ]; then continue; fi
    if [ -n "$said" ] && [ "$said" != "$path" ]; then continue; fi
    seen=$R/proc/$p/root$path
    # usually mounted where the node has it, under a name that outlives the process
    # shellcheck disable=SC3013
    if [ "$R$path" -ef "$seen" ]; then
      echo "$R$path"
      return
    elif [ -n "$view" ] && ! [ "$view" -ef "$seen" ]; then
      failed "several processes are called kube-apiserver, and their audit logs differ; name the log with --log"
      return
    fi
    view=$seen
  done
  if [ -n "$view" ]; then echo "$view" && return; fi
  if [ "$said" = - ]; then echo - && return; fi
  for path in "$said" /var/log/kubernetes/audit/audit.log; do
    if [ -n "$path" ] && [ -e "$R$path" ]; then echo "$R$path" && return; fi
  done
}

# Every step counts: what cannot be read, written or searched makes the whole answer a failure, never "no line fits".
# Standard error carries that, because a full disk cannot lose it; `done` at the end of an answer says it is whole.
exec 8>&2
failed() { printf 'failed: %s\n' "$*" >&8; }
# grep's status 1 is an answer, anything above is none; 141: whoever reads it has seen enough (SIGPIPE)
searched() { # grep's arguments
  grep "$@"
  _status=$?
  if [ "$_status" -gt 1 ] && [ "$_status" -ne 141 ]; then failed "grep ended with status $_status"; fi
  return "$_status"
}
# shellcheck disable=SC2059
note() { printf "$@" >&3 || failed "no room for notes"; }

GZIP=$(printf '\037\213')
ZSTD=$(printf '(\265/\375')
STAT='%f %d %i %s %Y %u %g %n'
ROTATED='*-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]-[0-9][0-9]-[0-9][0-9].[0-9][0-9][0-9]*'

# What may be a log below a folder: by its name, or by what it holds.
below() {
  find -H "$1" \( -type f -o -type l \) ! -name "*$NL*" \( -name 'audit.log*' -o -name "$ROTATED" \) \
    -exec stat -L -c "d $STAT" {} + 2>/dev/null
  find -H "$1" \( -type f -o -type l \) ! -name "*$NL*" ! -name 'audit.log*' ! -name "$ROTATED" \
    \( -name '*.log*' -o -name '*.json*' -o -name '*.ndjson*' \) -exec sh -c '
      packed=$1 zstd=$2 format=$3
      shift 3
      for f; do
        if [ -f "$f" ] && head -c 65536 -- "$f" | grep -a -q -e "^$packed" -e "audit\.k8s\.io" -e " AUDIT: id=" \
          -e "^$zstd" -e "^.7zXZ" -e "^BZh"; then
          stat -L -c "$format" -- "$f"
        fi
      done' sh "$GZIP" "$ZSTD" "d $STAT" {} + 2>/dev/null
  find -H "$1" \( -type f -o -type l \) ! -name "*$NL*" ! -name 'audit.log*' ! -name "$ROTATED" \
    ! -name '*.log*' ! -name '*.json*' ! -name '*.ndjson*' -exec sh -c '
      format=$1
      shift
      for f; do
        [ -f "$f" ] || continue
        case $(head -c 6 -- "$f" | od -An -tx1 | tr -d " \n") in
          1f8b*) unpack="gzip -dc" ;;
          28b52ffd*) unpack="zstd -dc" ;;
          fd377a585a00) unpack="xz -dc" ;;
          425a68*) unpack="bzip2 -dc" ;;
          *) unpack=cat ;;
        esac
        if $unpack <"$f" 2>/dev/null | head -c 65536 | grep -a -q -i -E \
          "request_?received_?timestamp|stage_?timestamp|protopayload| audit: id="; then
          stat -L -c "$format" -- "$f"
        fi
      done' sh "s $STAT" {} + 2>/dev/null
  find -H "$1" -type f -name "*$NL*" -name '*.log*' -exec echo odd \; 2>/dev/null
}

listed() {
  if [ $# -eq 0 ]; then
    path=$(default_path)
    [ -n "$path" ] || return 0
    if [ "$path" = - ]; then
      # shellcheck disable=SC2086
      stat -L -c "o $STAT" -- "$R"$STDOUT/*.log* 2>/dev/null
      return 0
    fi
    printf 'own %s\n' "$path"
    # who may write it: whoever runs this, who can anyway, and the server's user
    printf 'writer %s\n' "$(id -u)"
    for p in $(pids_of kube-apiserver); do stat -L -c 'writer %u' "$R/proc/$p"; done 2>/dev/null
    stem=${path##*/}
    set -- "${path%/*}/${stem%.*}"[-.]*
    stat -L -c "o $STAT" -- "$@" 2>/dev/null
    return 0
  fi
  for arg; do
    case $arg in /*) arg=$R$arg ;; *) arg=$(pwd)/$arg ;; esac
    # a glob may name many; a path with spaces is none
    if [ -e "$arg" ]; then
      set -- "$arg"
    else
      IFS=$NL
      # shellcheck disable=SC2086
      set -- $arg
      unset IFS
    fi
    for f; do
      if [ -d "$f" ]; then below "$f"; else stat -L -c "a $STAT" -- "$f" 2>/dev/null; fi
    done
  done
  return 0
}

stamps() { sed -n 's/.*"stageTimestamp": *"\([^"]*\)".*/\1/p'; }
first_stamp() { head -c 65536 | stamps | head -n 1; }
last_stamp() { tail -n 2 | stamps | tail -n 1; }

# Lines of standard input that fit the patterns from the one with this number on.
narrow() {
  if [ ! -f "$work/pattern.$1" ]; then
    cat
  elif [ ! -f "$work/pattern.$(($1 + 1))" ]; then
    searched -a -E -f "$work/pattern.$1"
  else
    searched -a -E -f "$work/pattern.$1" | narrow "$(($1 + 1))"
  fi
}

matching() { # whether in own order, then options and files of grep
  if [ "$1" = yes ]; then _literals=$work/literals; else _literals=$work/names; fi
  shift
  if [ -f "$work/pattern.1" ]; then
    searched -a -n -F -f "$_literals" "$@" 2>/dev/null | narrow 1
  else
    searched -a -n -F -f "$_literals" "$@" 2>/dev/null
  fi
}

# What a line without damage looks like from outside: an object, or nothing.
BLANK="[[:space:]$(printf '\357\273\277')]*"
WHOLE="^$BLANK(\\{.*\\}$BLANK)?\$"

damaged() { # the open file: how many of its lines are none, or have NUL bytes in their middle
  _bad=$(grep -a -c -v -E "$WHOLE" "$1")
  # only a grep that knows a NUL from nothing can find one
  if ! echo whole | grep -a -q -F -f "$work/nul"; then
    _bad=$((_bad + $(grep -a -F -f "$work/nul" "$1" | grep -a -c -E "$WHOLE")))
  fi
  echo "$_bad"
}

facts() { # the open file, its path, whether it is packed: what a reader wants to know about it, in one line
  case $3 in
    yes) printf 'f\t%d\t0\t0\t%s\t\t%s\n' "$(wc -c <"$1")" "$(gzip -dc <"$1" 2>/dev/null | first_stamp)" "$2" ;;
    *)
      printf 'f\t%d\t%d\t%d\t%s\t%s\t%s\n' "$(wc -c <"$1")" "$(wc -l <"$1")" \
        "$(damaged "$1")" "$(first_stamp <"$1")" "$(last_stamp <"$1")" "$2"
      ;;
  esac
}

# Whether a log's lines are as kube-apiserver's. A shipper writes fields in another order, spaces between, or slashes with
# a backslash. What is not an object is skipped: damage says nothing about who wrote the rest.
in_own_order() { # file, whether it is packed
  _head=$(case $2 in
    yes) gzip -dc <"$1" 2>/dev/null ;;
    *) cat -- "$1" 2>/dev/null ;;
  esac | head -c 65536 | tr -d '\0' | grep -a -m 1 '^{')
  case $_head in
    *'"requestURI":"\/'*) return 1 ;;
    '{"kind":"Event","apiVersion":"audit.k8s.io/'* | '') ;;
    *) return 1 ;;
  esac
}

# How a file begins, in SHAPE: with a line of kube-apiserver (`line`; an empty one does, too), with a record of a
# container runtime (`cri`, `docker`), or otherwise (`other`). NUL bytes before it are a hole; between its letters they
# are UTF-16.
SOH=$(printf '\001')
shape_of() { # file, whether it is packed
  _head=$(case $2 in
    yes) gzip -dc <"$1" 2>/dev/null ;;
    *) cat -- "$1" 2>/dev/null ;;
  esac | head -c 65536 | tr '\0' '\001' | head -n 1 | sed "s/^$SOH*//")
  case $_head in
    '{"kind":"Event","apiVersion":"audit.k8s.io/'* | '') SHAPE=line ;;
    '{"log":"'*'","stream":"std'*'"time":"'*'"}') SHAPE=docker ;;
    [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T*' stdout '[PF]* | [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T*' stderr '[PF]*)
      case ${_head%% std*} in *' '*) SHAPE=other ;; *) SHAPE=cri ;; esac
      ;;
    *) SHAPE=other ;;
  esac
}

# Whether a file begins with a line of kube-apiserver; an empty one does.
begins_so() {
  shape_of "$1" "$2"
  [ "$SHAPE" = line ]
}

# An awk program that numbers the lines of a log, and makes one of those that belong together: `line`, each stands for
# itself; `cri` and `docker`, the parts of an event that the container runtime cut (TIME STREAM P TEXT; a text in JSON
# that does not end with a newline); `element`, pretty-printed JSON, from a line that is `edge` and `{` to one that is
# `edge` and `}`. Its input has one line break more than the log. What is open at the end of it is given only without
# `news`; with it, `used` says how much is done, and it is read again together with what comes.
JOIN='
function end_of(text, count) { return substr(text, length(text) - count + 1) }
# what is worded otherwise than an event: it is to be looked for by single words
function is_mapped(text) { return index(text, " AUDIT: id=") || index(text, "protoPayload") }
function is_event(text) { return index(text, "auditID") || is_mapped(text) }
function is_whole(text) {
  if (way == "line" || way == "other" || is_mapped(text)) return 1
  if (way == "element") return text ~ /},? $/
  return substr(text, 1, 1) == "{" && (end_of(text, 1) == "}" || end_of(text, 3) == "}\\n")
}
function give(line, text) {
  print line
  if (is_mapped(text)) mapped++
  if (news || !is_event(text)) return
  if (!events++) print line >beside
  else latest = line
  if (!is_whole(text) && ++bad < 1000) print line >beside
}
function give_waiting(  i) {
  for (i = 1; i <= waiting; i++) give(lines[i], texts[i])
  waiting = 0
}
# the other stream goes on while one is in the middle of an event: its lines wait, so that all come in their order
function complete(stream, line, text) {
  if (oldest == "" || oldest == stream) give(line, text)
  else {
    lines[++waiting] = line
    texts[waiting] = text
  }
}
function finish(stream, tail,  other) {
  if (stream != oldest) {
    complete(stream, number[stream] ":" head[stream] joined[stream] tail, joined[stream])
    delete open[stream]
    return
  }
  give(number[stream] ":" head[stream] joined[stream] tail, joined[stream])
  delete open[stream]
  oldest = ""
  give_waiting()
  for (other in open) oldest = other
}
function part(stream, n, line, begin, text, tail, last) {
  if (last && !(stream in open)) {
    complete(stream, n ":" line, text)
    return
  }
  if (!(stream in open)) {
    open[stream] = 1
    number[stream] = n
    offset[stream] = bytes
    head[stream] = begin
    joined[stream] = ""
    if (oldest == "") oldest = stream
  }
  joined[stream] = joined[stream] text
  if (last || bytes - offset[stream] > 15000000) finish(stream, tail)
}
function cri(n, line,  at, rest, space) {
  at = index(line, " ")
  rest = substr(line, at + 8)
  if (line !~ /^[^ ]+ std(out|err) [PF]/) {
    complete("", n ":" line, line)
    return
  }
  space = index(rest, " ")
  part(substr(line, at + 1, 6), n, line, substr(line, 1, at + 7) "F ", space ? substr(rest, space + 1) : "", "", \
    substr(rest, 1, 1) == "F")
}
function ends_line(text,  at) {
  # an even number of backslashes is none
  if (end_of(text, 2) != "\\n") return 0
  for (at = length(text) - 1; at > 0 && substr(text, at, 1) == "\\"; ) at--
  return (length(text) - 1 - at) % 2
}
function docker(n, line,  at, text) {
  at = index(line, "\",\"stream\":\"")
  if (substr(line, 1, 8) != "{\"log\":\"" || !at) {
    complete("", n ":" line, line)
    return
  }
  text = substr(line, 9, at - 9)
  part(substr(line, at + 12, 6), n, line, "{\"log\":\"", text, substr(line, at), \
    ends_line(text) || (length(text) < 16384 && substr(text, 1, 1) == "{" && end_of(text, 1) == "}"))
}
function element(n, line) {
  if (!("" in open) && line != edge "{") return
  part("", n, line, "", line " ", "", line == edge "}" || line == edge "},")
}
function take(n, line) {
  if (way == "cri") cri(n, line)
  else if (way == "docker") docker(n, line)
  else if (way == "element") element(n, line)
  else give(n ":" line, line)
  bytes += length(line) + 1
}
NR > 1 { take(NR - 1, held) }
{ held = $0 }
END {
  if (held != "" && !news) take(NR, held)
  used = bytes
  done = NR - 1
  if (oldest != "") {
    used = offset[oldest]
    done = number[oldest] - 1
  }
  while (!news && oldest != "") finish(oldest, way == "docker" ? "\",\"stream\":\"" oldest "\"}" : "")
  if (latest != "") print latest >beside
  if (!news) done = NR - 1 + (held != "")
  print done "\t" events + 0 "\t" bad + 0 "\t" used + 0 "\t" mapped + 0 >facts
}'

# Of the open file, what belongs together in one line, with its number; and what was read, in a line `u`.
sift() { # the open file, its path, whether it is packed
  if ! have awk; then note 'w\t%s\n' "$2" && return; fi
  _way=${way%%:*} _own=yes
  if [ "$way" = own ]; then shape_of "$1" "$3" && _way=$SHAPE; fi
  printf 'k\t%s\n' "$_way"
  if ! own_inside "$1" "$3"; then _own=''; fi
  : >"$work/beside" && : >"$work/facts" || no_room
  {
    if [ "$3" = yes ]; then
      { gzip -dc <"$1" 2>/dev/null || note 'x\t%s\n' "$2"; } | tail -c "+$((from + 1))"
    elif [ -n "$to" ]; then
      tail -c "+$((from + 1))" "$1" | head -c "$((to - from))"
    else
      cat "$1" || failed "$2 cannot be read"
    fi
    echo
  } | tr '\0' '\001' | joined "$_way" | {
    if [ "$_way" = other ]; then cat; else matching_joined "$_own"; fi
  }
  printf 'b\t\n'
  cat "$work/beside"
  # without it the answer is none: it says why, or nobody reads it any more
  if [ -s "$work/facts" ]; then printf 'u\t%s\t%s\n' "$(cat "$work/facts")" "$2"; fi
}

joined() { # way
  awk -v way="$1" -v edge="${way#*:}" -v news="$news" -v beside="$work/beside" -v facts="$work/facts" "$JOIN"
  _status=$?
  if [ "$_status" -ne 0 ] && [ "$_status" -ne 141 ]; then failed "awk ended with status $_status"; fi
}

matching_joined() { # whether in own order
  if [ "$1" = yes ]; then _literals=$work/literals; else _literals=$work/names; fi
  if [ -f "$work/pattern.1" ]; then
    searched -a -F -f "$_literals" | narrow 1
  else
    searched -a -F -f "$_literals"
  fi
}

# Whether the first event inside of a file's lines is as kube-apiserver writes it, whatever is around it.
own_inside() { # file, whether it is packed
  _head=$(case $2 in
    yes) gzip -dc <"$1" 2>/dev/null ;;
    *) cat -- "$1" 2>/dev/null ;;
  esac | head -c 65536 | tr -d '\0' | grep -a -m 1 auditID)
  case $_head in *'"requestURI":"\/'*) return 1 ;; esac
  case $(printf '%s\n' "$_head" | tr -d '\\') in
    *'{"kind":"Event","apiVersion":"audit.k8s.io/'* | '') ;;
    *) return 1 ;;
  esac
}

# Reads one file as /dev/fd/4: it is opened before it is asked which one it is, and a rotation changes nothing then.
opened() ( # inode (empty: any), where it is, its path for the answer, whether facts are wanted
  exec 4<"$2"
  if [ -n "$1" ] && [ "$(stat -L -c %i /dev/fd/4)" != "$1" ]; then exit 1; fi
  f=/dev/fd/4
  printf 'm\t%s\n' "$3"
  # whatever its name says
  packed='' own=yes
  if [ "$(head -c 2 <"$f" | tr -d '\0')" = "$GZIP" ]; then packed=yes; fi
  if [ "$mode" = sift ]; then sift "$f" "$3" "$packed" && exit 0; fi
  if [ "$way" = lines ] && ! begins_so "$f" "$packed"; then note 'o\t%s\t%s\n' "$SHAPE" "$3" && exit 0; fi
  case $3 in *.gz) [ -s "$f" ] || note 'x\t%s\n' "$3" ;; esac
  if ! in_own_order "$f" "$packed"; then own='' && note 's\t%s\n' "$3"; fi
  case $packed in
    yes) { gzip -dc <"$f" 2>/dev/null || note 'x\t%s\n' "$3"; } | matching "$own" ;;
    *) matching "$own" <"$f" ;;
  esac
  if [ "$4" = facts ]; then facts "$f" "$3" "$packed"; fi
  exit 0
) 2>/dev/null

one() { # inode, path, whether facts are wanted
  if opened "$1" "$2" "$2" "$3"; then return; fi
  now=$(by_inode "$2" "$1")
  if [ -n "$now" ] && opened "$1" "$now" "$2" "$3"; then
    note 'r\t%s\t%s\n' "$now" "$2"
  elif [ -f "$2.gz" ] && opened '' "$2.gz" "$2" "$3"; then
    note 'r\t%s\t%s\n' "$2.gz" "$2"
  else
    note 'g\t%s\n' "$2"
  fi
}

# Many files of one kind with few processes. False if they have to be looked at one by one.
many() { # kind, then paths; $inodes: what they were
  kind=$1
  shift
  [ "$(stat -L -c %i -- "$@" 2>/dev/null)" = "$inodes" ] || return 1
  first=$1
  for f; do :; done
  packed='' own=yes
  if [ "$kind" = packed ]; then packed=yes; fi
  if [ "$way" = lines ] && [ "$kind" = plain ]; then
    [ "$(head -q -c 43 -- "$@" | grep -a -o -F '{"kind":"Event","apiVersion":"audit.k8s.io/' | wc -l)" -eq $# ] || return 1
  elif [ "$way" = lines ]; then
    begins_so "$first" yes && begins_so "$f" yes || return 1
  fi
  in_own_order "$first" "$packed" || own=
  if in_own_order "$f" "$packed"; then [ "$own" = yes ] || return 1; else [ -z "$own" ] || return 1; fi
  if [ "$kind" = packed ]; then
    # unpacked in one go they tell whether a second, closer look is worth it
    : >"$work/cut"
    if { gzip -dc -- "$@" 2>/dev/null || echo cut >"$work/cut"; } | matching "$own" | grep -a -q ''; then return 1; fi
    [ ! -s "$work/cut" ]
    return
  fi
  if [ -z "$own" ]; then note 's\t%s\n' "$first"; fi
  matching "$own" -H -- "$@"
  for f; do
    if [ ! -f "$f" ]; then note 'g\t%s\n' "$f"; fi
  done
}

# Of lines `INODE PATH`. `read` would take them byte by byte.
first_words() { printf '%s\n' "$1" | cut -d ' ' -f 1; }
other_words() { printf '%s\n' "$1" | cut -d ' ' -f 2-; }

# The files on standard input: a line `KIND COUNT` (`facts` or `one`: look at each; `plain` or `packed`: at many in
# one go), then as many lines `INODE PATH`.
search() {
  exec 3>"$work/notes" || no_room
  at=1
  while head=$(sed -n "${at}p" "$work/files") && [ -n "$head" ]; do
    kind=${head% *}
    group=$(sed -n "$((at + 1)),$((at + ${head#* }))p" "$work/files")
    at=$((at + 1 + ${head#* }))
    inodes=$(first_words "$group")
    IFS=$NL
    # shellcheck disable=SC2046
    set -- $(other_words "$group")
    unset IFS
    if [ "$kind" = plain ] || [ "$kind" = packed ]; then
      if many "$kind" "$@"; then continue; fi
    fi
    for f; do
      one "${inodes%%"$NL"*}" "$f" "$kind"
      inodes=${inodes#*"$NL"}
    done
  done
  cat "$work/notes" || failed "the notes cannot be read"
  printf 'done\t\n'
}

no_room() { failed "no room for what is searched for" && exit 1; }

by_inode() { # path inode: where that inode is now
  if [ "$(stat -L -c %i -- "$1" 2>/dev/null)" = "$2" ]; then echo "$1" && return; fi
  # an inode number is used again as soon as its file is deleted, perhaps for another file's .gz
  case $1 in
    *.gz) find -H "${1%/*}" -maxdepth 1 -type f -inum "$2" -name '*.gz' ;;
    *) find -H "${1%/*}" -maxdepth 1 -type f -inum "$2" ! -name '*.gz' ;;
  esac 2>/dev/null | head -n 1
}

# A search that finds nothing may read for hours without a word. As long as what it started gets on (its processor time,
# its memory: anything in its stat), a line on standard error says so; on a disk that hangs nothing gets on.
beat() {
  unset KAUDIT_SEARCH
  _last=
  # what it starts may outlive it for a moment, and must not hold standard error open then
  while sleep 2 2>/dev/null 8>&- && kill -0 "$1" 2>/dev/null; do
    # shellcheck disable=SC2046
    _now=$(exec 2>/dev/null 8>&- && cat /dev/null $(grep -ls "KAUDIT_SEARCH=$1" /proc/[0-9]*/environ | sed 's/environ$/stat/'))
    if [ "$_now" != "$_last" ]; then echo 'still reading' >&2; fi
    _last=$_now
  done
}
KAUDIT_SEARCH=$$
export KAUDIT_SEARCH
beat "$$" >/dev/null </dev/null &
BEAT=$!
work=
at_end() {
  kill "$BEAT" 2>/dev/null
  if [ -n "$work" ]; then rm -rf "$work"; fi
}
# a shell runs its EXIT trap only if it ends by itself: let signals and a reader that is gone end it so
trap at_end EXIT
trap 'exit 1' HUP INT TERM PIPE

mode=$1
shift
case $mode in
  search | sift)
    pack=$1 way=$2 from=0 to='' news=''
    shift 2
    if [ "$mode" = sift ]; then
      from=$1 to=$2 news=$3
      shift 3
    fi
    count=$1 names=$2
    shift 2
    have "$pack" || pack='cat'
    echo "$pack"
    # in memory where there is such a place: the node's disk may be full, and that is a time when people ask
    for place in /dev/shm /run "$STATE" "${TMPDIR:-/tmp}"; do
      if work=$(mktemp -d "$place/kaudit.XXXXXXXX" 2>/dev/null); then break; fi
      work=
    done
    if [ -z "$work" ]; then failed "no folder for what is searched for can be made" && exit 1; fi
    { cat >"$work/files" && printf '\0\n' >"$work/nul" && : >"$work/literals" && : >"$work/names"; } || no_room
    i=0
    for arg; do
      i=$((i + 1))
      if [ "$i" -le "$count" ]; then
        printf '%s\n' "$arg" >>"$work/literals" || no_room
      elif [ "$i" -le "$((count + names))" ]; then
        printf '%s\n' "$arg" >>"$work/names" || no_room
      else
        printf '%s\n' "$arg" >"$work/pattern.$((i - count - names))" || no_room
      fi
    done
    # an empty literal stands in every line
    if [ "$count" -eq 0 ]; then echo >"$work/literals" || no_room; fi
    if [ "$names" -eq 0 ]; then echo >"$work/names" || no_room; fi
    # paths are no patterns from here on
    set -f
    search | "$pack"
    ;;
  list)
    pack=$1
    shift
    have "$pack" || pack='cat'
    echo "$pack"
    { listed "$@" && echo 'done '; } | "$pack"
    ;;
  several)
    pack=$1
    group=$(cat)
    inodes=$(first_words "$group")
    IFS=$NL
    set -f
    # shellcheck disable=SC2046
    set -- $(other_words "$group")
    unset IFS
    [ "$(stat -L -c %i -- "$@" 2>/dev/null)" = "$inodes" ] || exit 3
    have "$pack" || pack='cat'
    echo "$pack"
    cat -- "$@" | "$pack"
    [ "$(stat -L -c %i -- "$@" 2>/dev/null)" = "$inodes" ] || exit 3
    ;;
  fetch)
    pack=$1 path=$2 inode=$3 from=$4 to=$5
    have "$pack" || pack='cat'
    f=$(by_inode "$path" "$inode")
    [ -n "$f" ] || exit 3
    echo "$pack"
    if [ "$from" != begin ]; then
      tail -c "+$((from + 1))" -- "$f" | head -c "$((to - from))"
    elif [ "$(head -c 2 -- "$f" | tr -d '\0')" = "$GZIP" ]; then
      gzip -dc <"$f" 2>/dev/null | head -c "$to"
    else
      head -c "$to" -- "$f"
    fi | "$pack"
    ;;
  sum)
    f=$(by_inode "$1" "$2")
    [ -n "$f" ] || exit 3
    head -c "$3" -- "$f" | sha256sum
    ;;
esac
