"""What holds for every test."""

from __future__ import annotations

import os
import signal
import time

from hypothesis import settings

# Timings are no business of the suite: a busy machine must not fail a property.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

# Output that is not a terminal's is not broken into lines; pytest-xdist's workers inherit a width all the same.
os.environ.pop("COLUMNS", None)

# What is printed for people is in local time.
os.environ["TZ"] = "UTC"
time.tzset()

# A shell gives what it starts in the background an ignored SIGINT, nohup an ignored SIGHUP, and a child inherits
# that: without this, tests that press Ctrl-C or hang up would wait for ever.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)
