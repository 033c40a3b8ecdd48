"""Loki: the log that most clusters' shippers send to (https://grafana.com/docs/loki/latest/reference/loki-http-api/)."""
