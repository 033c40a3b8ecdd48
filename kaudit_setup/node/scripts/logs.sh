# Finds, searches and streams the audit logs of a node; changes nothing. Runs with lib.sh in front.
#   search GZIP SINCE UNTIL COUNT NAMES LITERAL... NAME... PATH...
#                                                      lines that hold any literal (COUNT of them; none: every line), or
#                                                      in a log that is not in kube-apiserver's own order any of the
#                                                      NAMES names; and what was read
#   list GZIP PATH...                                  size, inode and path of each log file
#   fetch GZIP PATH INODE FROM TO                      bytes [FROM, TO) of the file with that inode
#   sum PATH INODE TO                                  SHA-256 of bytes [0, TO)
# GZIP is `gzip` or `cat`: what the answer goes through. SINCE and UNTIL are moments as rotated files carry them in
# their names, or `-`: a file that was ended before the one or begun after the other is passed over. PATH is a file,
# a folder or a glob; none: where the kube-apiserver here writes its log, and the rotated files beside it.
NL='
'

# The log of the running server or of its manifest, where this script can read it.
default_path() {
  for p in $(pids_of kube-apiserver); do
    path=$({ tr '\0' '\n' <"$R/proc/$p/cmdline"; } 2>/dev/null | sed -n 's/^--audit-log-path=//p' | tail -n 1)
    if [ -n "$path" ] && [ -e "$R/proc/$p/root$path" ]; then echo "$R/proc/$p/root$path" && return; fi
  done
  for f in "$R"/etc/kubernetes/manifests/*; do
    path=$(sed -n 's/.*--audit-log-path=\([^"'\'' ]*\).*/\1/p' "$f" 2>/dev/null | tail -n 1)
    if [ -n "$path" ] && [ -e "$R$path" ]; then echo "$R$path" && return; fi
  done
  if [ -e "$R/var/log/kubernetes/audit/audit.log" ]; then echo "$R/var/log/kubernetes/audit/audit.log"; fi
}

# A log and its rotated companions, oldest first, the file being written last; one path on each line.
companions() {
  folder=${1%/*}
  name=${1##*/}
  stem=${name%.*}
  ext=${name#"$stem"}
  for f in "$folder/$stem"-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T*"$ext" \
    "$folder/$stem"-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T*"$ext.gz"; do
    if [ -f "$f" ]; then echo "$f"; fi
  done | sort
  if [ -f "$1" ]; then echo "$1"; fi
}

logs_of() {
  if [ -d "$1" ]; then
    if [ -e "$1/audit.log" ]; then
      companions "$1/audit.log"
    else
      for f in "$1"/*.log "$1"/*.log.gz; do if [ -f "$f" ]; then echo "$f"; fi; done
    fi
  elif [ -f "$1" ]; then
    echo "$1"
  fi
}

expand() {
  if [ $# -eq 0 ]; then
    path=$(default_path)
    if [ -n "$path" ]; then companions "$path"; fi
    return
  fi
  for arg; do
    case $arg in /*) arg=$R$arg ;; esac
    # a glob may name many; a path with spaces is none
    if [ -e "$arg" ]; then
      logs_of "$arg"
    else
      IFS=$NL
      for f in $arg; do logs_of "$f"; done
      unset IFS
    fi
  done
}

# A file that is being compressed stands there twice; the plain one is whole.
without_twins() {
  awk '{ path[NR] = $0; have[$0] = 1 }
    END { for (i = 1; i <= NR; i++) { p = path[i]; q = p; sub(/\.gz$/, "", q)
      if (!seen[p]++ && (p == q || !(q in have))) print p } }'
}

moment_of() {
  case $1 in
    *-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]-[0-9][0-9]-[0-9][0-9].[0-9][0-9][0-9]*)
      _m=${1##*/}
      _m=${_m%.gz}
      _m=${_m%.*}
      echo "${_m#"${_m%???????????????????????}"}"
      ;;
  esac
}

within() { # since until: leaves out what by its name was ended before since or begun after until
  before=
  folder=
  while IFS= read -r f; do
    # a file was begun when the one before it was rotated; the first of another folder may be as old as can be
    if [ "${f%/*}" != "$folder" ]; then before= && folder=${f%/*}; fi
    m=
    if [ "$1$2" != -- ]; then m=$(moment_of "$f"); fi
    # shellcheck disable=SC3012
    if [ -n "$m" ] && [ "$1" != - ] && [ "$m" \< "$1" ]; then :
    elif [ -n "$before" ] && [ "$2" != - ] && [ "$before" \> "$2" ]; then :
    else echo "$f"; fi
    before=${m:-$before}
  done
}

stamps() { sed -n 's/.*"stageTimestamp": *"\([^"]*\)".*/\1/p'; }
first_stamp() { head -c 65536 | stamps | head -n 1; }
last_stamp() { tail -n 2 | stamps | tail -n 1; }

matching() { # stdin: a log. Options and patterns are in the positional parameters
  grep -a -n -F "$@"
}

facts() { # path: what a reader wants to know about it, in one line
  _size=$(wc -c <"$1" 2>/dev/null) || return 0
  case $1 in
    *.gz) printf 'f\t%d\t0\t0\t%s\t\t%s\n' "$_size" "$(gzip -dc -- "$1" 2>/dev/null | first_stamp)" "$1" ;;
    *)
      _lines=$(wc -l <"$1")
      _bad=$(grep -a -c -v '^{.*}[[:space:]]*$' "$1")
      printf 'f\t%d\t%d\t%d\t%s\t%s\t%s\n' "$_size" "$_lines" "$_bad" "$(first_stamp <"$1")" "$(last_stamp <"$1")" "$1"
      ;;
  esac
}

# Whether a log's lines begin as kube-apiserver's. A shipper writes fields in another order, or spaces between. What is
# no object is passed over: damage says nothing about who wrote the rest.
in_own_order() {
  _head=$(case $1 in
    *.gz) gzip -dc -- "$1" 2>/dev/null ;;
    *) cat -- "$1" 2>/dev/null ;;
  esac | head -c 65536 | tr -d '\0' | grep -a -m 1 '^{')
  case $_head in '{"kind":"Event","apiVersion":"audit.k8s.io/'* | '') ;; *) return 1 ;; esac
}

look_into() { # $list: the files. Positional parameters: the patterns
  own=yes
  printf '%s\n' "$list" | while IFS= read -r f; do
    [ -n "$f" ] || continue
    printf 'm\t%s\n' "$f"
    if [ "$one_kind" != yes ] || [ "$f" = "$oldest" ]; then
      if in_own_order "$f"; then own=yes; else own='' && printf 's\t%s\n' "$f" >&3; fi
    fi
    case $f$own in
      *.gzyes) { gzip -dc -- "$f" 2>/dev/null || printf 'x\t%s\n' "$f" >&3; } | matching "$@" ;;
      *.gz) { gzip -dc -- "$f" 2>/dev/null || printf 'x\t%s\n' "$f" >&3; } | matching -f "$notes.names" ;;
      *yes) { matching "$@" <"$f"; } 2>/dev/null ;;
      *) { matching -f "$notes.names" <"$f"; } 2>/dev/null ;;
    esac
    if [ ! -f "$f" ]; then
      printf 'g\t%s\n' "$f" >&3
    elif [ "$number" -le 500 ] || [ "$f" = "$oldest" ] || [ "$f" = "$newest" ]; then
      facts "$f"
    else
      printf 'f\t%d\t0\t0\t\t\t%s\n' "$(wc -c <"$f")" "$f"
    fi
  done 3>>"$notes"
}

search() {
  number=$(printf '%s\n' "$list" | wc -l)
  oldest=$(printf '%s\n' "$list" | head -n 1)
  newest=$(printf '%s\n' "$list" | tail -n 1)
  # of very many files the first and the last tell, if they are of one kind
  one_kind=no
  if [ "$number" -gt 500 ]; then
    in_own_order "$oldest"
    _first=$?
    in_own_order "$newest"
    if [ "$_first" -eq $? ]; then one_kind=yes; fi
  fi
  look_into "$@"
  # what was renamed while we read stands under a new name now
  printf '%s\n' "$list" >"$notes.before"
  list=$(all_files | grep -v -x -F -f "$notes.before")
  look_into "$@"
  cat "$notes"
}

by_inode() { # path inode: where that inode is now
  if [ "$(stat -L -c %i -- "$1" 2>/dev/null)" = "$2" ]; then echo "$1" && return; fi
  for f in "${1%/*}"/*; do
    if [ "$(stat -L -c %i -- "$f" 2>/dev/null)" = "$2" ]; then echo "$f" && return; fi
  done
}

mode=$1
shift
case $mode in
  search)
    pack=$1 since=$2 until=$3 count=$4 names=$5
    shift 5
    have "$pack" || pack='cat'
    echo "$pack"
    total=$#
    notes=$(mktemp) || exit 1
    trap 'rm -f "$notes" "$notes.before" "$notes.names"' EXIT
    # the literals become -e arguments, the names a file of patterns, the rest paths
    i=0
    paths=
    for arg; do
      i=$((i + 1))
      if [ "$i" -gt "$((count + names))" ]; then
        paths=$paths$arg$NL
      elif [ "$i" -gt "$count" ]; then
        printf '%s\n' "$arg"
      fi
    done >"$notes.names"
    if [ "$names" -eq 0 ]; then echo >"$notes.names"; fi
    all_files() (
      IFS=$NL
      set -f
      # shellcheck disable=SC2086
      set -- $paths
      set +f
      unset IFS
      expand "$@" | without_twins | within "$since" "$until"
    )
    list=$(all_files)
    i=0
    while [ "$i" -lt "$total" ]; do
      i=$((i + 1))
      if [ "$i" -le "$count" ]; then set -- "$@" -e "$1"; fi
      shift
    done
    if [ "$count" -eq 0 ]; then set -- -e ''; fi
    search "$@" | "$pack"
    ;;
  list)
    pack=$1
    shift
    have "$pack" || pack='cat'
    echo "$pack"
    expand "$@" | without_twins | while IFS= read -r f; do
      s=$(stat -L -c '%s %i' -- "$f" 2>/dev/null) && printf '%s %s\n' "$s" "$f"
    done | "$pack"
    ;;
  fetch)
    pack=$1 path=$2 inode=$3 from=$4 to=$5
    have "$pack" || pack='cat'
    f=$(by_inode "$path" "$inode")
    [ -n "$f" ] || exit 3
    echo "$pack"
    tail -c "+$((from + 1))" -- "$f" | head -c "$((to - from))" | "$pack"
    ;;
  sum)
    f=$(by_inode "$1" "$2")
    [ -n "$f" ] || exit 3
    head -c "$3" -- "$f" | sha256sum
    ;;
esac
