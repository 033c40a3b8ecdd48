# Asks this node's API server how many requests of which kind it has answered since it started, and changes nothing.
# Follows lib.sh and client.sh. Its metrics may be megabytes, so what travels are sums, a line each:
# `REQUESTS BYTES VERB GROUP RESOURCE SUBRESOURCE SCOPE` between tabs, the most frequent first; BYTES are those of the
# answers, where the server counts them (GET and LIST:
# staging/src/k8s.io/apiserver/pkg/endpoints/metrics/metrics.go:MonitorRequest). Discovery (/apis/GROUP/VERSION) is not
# counted by kind; it is what priority and fairness let through beyond what is
# (staging/src/k8s.io/apiserver/pkg/server/config.go: that handler stands before all of them).

# no file here above 64 MiB: what is more than that is no answer
ulimit -f 131072 2>/dev/null || :
ask GET /metrics
field code "$CODE"
field time "$(date +%s)"
if [ "$CODE" = 200 ]; then
  field start "$(sed -n 's/^process_start_time_seconds //p' "$ANSWER" | head -n 1)"
  # shellcheck disable=SC2016
  field requests "$(awk '
    function label(name,  at, rest) {
      at = index(labels, "," name "=\"")
      if (!at) return ""
      rest = substr(labels, at + length(name) + 3)
      return substr(rest, 1, index(rest, "\"") - 1)
    }
    function kind() {
      labels = "," substr($0, index($0, "{") + 1)
      return label("verb") "\t" label("group") "\t" label("resource") "\t" label("subresource") "\t" label("scope")
    }
    index($0, "apiserver_request_total{") == 1 { requests[kind()] += $NF; counted += $NF }
    index($0, "apiserver_response_sizes_sum{") == 1 { bytes[kind()] += $NF }
    index($0, "apiserver_flowcontrol_dispatched_requests_total{") == 1 { dispatched += $NF }
    END {
      if (dispatched > counted) requests["GET\t\t\t/apis\t"] += dispatched - counted
      for (one in requests) if (requests[one] > 0) printf "%.0f\t%.0f\t%s\n", requests[one], bytes[one], one
    }
  ' "$ANSWER" | sort -rn | head -n 1000)"
fi
field end ok
