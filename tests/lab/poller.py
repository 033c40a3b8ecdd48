"""A client that asks API servers all the time whether they are ready, as its users would notice it."""

from __future__ import annotations

import ssl
import threading
import time
import urllib.error
import urllib.request


def is_ready(url: str) -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class Poller:
    """Asks every server every 100 ms; remembers the fewest that were ready at one time."""

    def __init__(self, addresses: list[str]) -> None:
        self.latest = dict.fromkeys(addresses, True)
        self.fewest = len(addresses)
        self.rounds = 0
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(a,)) for a in addresses]

    def _ask(self, one: str) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            answer = is_ready(f"https://{one}:6443/readyz")
            with self._guard:
                self.latest[one] = answer
                self.fewest = min(self.fewest, sum(self.latest.values()))
                self.rounds += 1
            self._stop.wait(max(0.0, 0.1 - (time.monotonic() - began)))

    def __enter__(self) -> Poller:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
