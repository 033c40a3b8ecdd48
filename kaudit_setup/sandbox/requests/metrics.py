"""The part of /metrics that counts requests.

Source: staging/src/k8s.io/apiserver/pkg/endpoints/metrics/metrics.go (names, labels, MonitorRequest).
"""

from __future__ import annotations

import threading
import time
from collections import Counter

from kaudit_setup.policy.model import Attributes

_VERBS = {"create": "POST", "update": "PUT"}


class RequestMetrics:
    """Counts every request that was answered."""

    def __init__(self) -> None:
        self._start = time.time()
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def add(self, asked: Attributes, code: int, size: int) -> None:
        """One request, its status and the bytes of its answer."""
        kind = _labels(asked)
        with self._lock:
            self._requests[f'code="{code}",{kind}'] += 1
            if asked.verb in {"get", "list"} and asked.is_resource:
                self._bytes[kind] += size

    def text(self) -> str:
        """In Prometheus' text format."""
        with self._lock:
            return "\n".join(
                [
                    *(f"apiserver_request_total{{{kind}}} {count}" for kind, count in self._requests.items()),
                    *(f"apiserver_response_sizes_sum{{{kind}}} {count}" for kind, count in self._bytes.items()),
                    f"process_start_time_seconds {self._start:.11e}",
                    "",
                ]
            )


def _labels(asked: Attributes) -> str:
    verb = _VERBS.get(asked.verb, asked.verb.upper())
    if not asked.is_resource:
        where = f'resource="",scope="",subresource="{_quoted(asked.path)}"'
        return f'component="apiserver",group="",{where},verb="{verb}"'
    scope = "resource" if asked.name else "namespace" if asked.namespace else "cluster"
    words = {
        "component": "apiserver",
        "group": asked.api_group,
        "resource": asked.resource,
        "scope": scope,
        "subresource": asked.subresource,
        "verb": verb,
    }
    return ",".join(f'{name}="{_quoted(word)}"' for name, word in words.items())


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
