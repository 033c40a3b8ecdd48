"""Ansible's callback that keeps what the last task gave, in the file of KEEP_RESULT."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: keep_result
    type: notification
    short_description: keeps what the last task gave
    description: In the file of KEEP_RESULT.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "keep_result"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result) -> None:
        self.keep(result)

    def v2_runner_on_failed(self, result, ignore_errors=False) -> None:
        self.keep(result)

    def keep(self, result) -> None:
        Path(os.environ["KEEP_RESULT"]).write_text(json.dumps(result._result, default=str))
