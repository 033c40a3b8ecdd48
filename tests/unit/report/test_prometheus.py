"""Metrics in Prometheus' text format: read by a strict parser, by promtool and by the alert rules."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kaudit_setup.change.status import Status
from kaudit_setup.fleet.status import Row
from kaudit_setup.report.nodes.prometheus import as_metrics
from kaudit_setup.resources import template

Samples = dict[str, list[tuple[dict[str, str], float]]]
RULES = template("monitoring", "kaudit-setup.rules.yml")
WRITES = Status(
    host="cp1.example.com",
    state="on",
    remarks=(),
    flags={"audit-log-path": "/var/log/kubernetes/audit/audit.log"},
    version="1.36",
    policy_path="/etc/kubernetes/audit-policy.yaml",
    policy_sha256="a" * 64,
    log_path="/var/log/kubernetes/audit/audit.log",
    log_bytes=123456789,
    rate=2048.0,
    hours_kept=11.0,
    last_event="2026-11-23T19:00:00Z",
    backups=2,
    server="812",
    disk_free=1 << 40,
    full_in_hours=2.5,
    persisted=True,
    enabled=True,
)


def parsed(text: str) -> Samples:
    """The samples of each metric, by the format's grammar; each has its HELP and TYPE first, and one place."""
    assert text.endswith("\n")
    found: Samples = {}
    name = help_of = ""
    for line in text[:-1].split("\n"):
        if helped := re.fullmatch(r"# HELP (\S+) (\S.*)", line):
            help_of = helped[1]
            assert help_of not in found
            assert "\\" not in helped[2]
        elif typed := re.fullmatch(r"# TYPE (\S+) gauge", line):
            name = typed[1]
            assert name == help_of
            assert re.fullmatch(r"kaudit_setup_[a-z_]+", name)
            found[name] = []
        else:
            sample = re.fullmatch(r'(\S+?)\{((?:[a-z_0-9]+="(?:[^"\\]|\\[\\n"])*",?)*)\} (\S+)', line)
            assert sample, line
            assert sample[1] == name
            labels = dict(re.findall(r'([a-z_0-9]+)="((?:[^"\\]|\\[\\n"])*)"', sample[2]))
            assert labels not in [labels for labels, _ in found[name]]
            found[name].append((labels, float(sample[3])))
    assert all(found.values())
    return found


def value(rows: list[Row], name: str, node: str = "cp1") -> float | None:
    samples = parsed(as_metrics(rows)).get(f"kaudit_setup_{name}", [])
    return next((found for labels, found in samples if labels["node"] == node), None)


def test_a_node_that_writes_events() -> None:
    samples = parsed(as_metrics([Row("cp1", "prod", status=WRITES)]))
    info = samples.pop("kaudit_setup_info")
    assert [
        (labels["node"], labels["host"], labels["cluster"], labels["kubernetes_version"]) for labels, _ in info
    ] == [("cp1", "cp1.example.com", "prod", "1.36")]
    assert {name.removeprefix("kaudit_setup_"): found for name, [(_, found)] in samples.items()} == {
        "up": 1,
        "apiserver_up": 1,
        "auditing_enabled": 1,
        "working": 1,
        "last_event_timestamp_seconds": 1795460400,
        "log_bytes": 123456789,
        "disk_free_bytes": 1 << 40,
        "disk_full_in_seconds": 9000,
        "changed_by_hand": 0,
        "survives_kubeadm_upgrade": 1,
        "pending_run": 0,
        "restart_pending": 0,
    }


@pytest.mark.parametrize(
    ("change", "name", "expected"),
    [
        ({"persisted": None}, "survives_kubeadm_upgrade", None),
        ({"persisted": False}, "survives_kubeadm_upgrade", 0),
        ({"last_event": ""}, "last_event_timestamp_seconds", None),
        ({"full_in_hours": None}, "disk_full_in_seconds", None),
        ({"disk_free": -1}, "disk_free_bytes", None),
        ({"log_path": "-"}, "log_bytes", None),
        ({"log_path": "-"}, "disk_free_bytes", None),
        ({"server": ""}, "apiserver_up", 0),
        ({"state": "not-writing"}, "working", 0),
        ({"by_hand": True}, "changed_by_hand", 1),
        ({"unconfirmed": True}, "pending_run", 1),
        ({"restart_pending": True}, "restart_pending", 1),
    ],
)
def test_what_is_not_known_has_no_sample(change: dict[str, Any], name: str, expected: float | None) -> None:
    assert value([Row("cp1", status=replace(WRITES, **change))], name) == expected


def test_a_node_without_an_answer_is_down_and_nothing_else_is_said_of_it() -> None:
    samples = parsed(as_metrics([Row("cp1", status=WRITES), Row("cp2", unreachable="no route")]))
    assert samples.pop("kaudit_setup_up") == [({"node": "cp1"}, 1), ({"node": "cp2"}, 0)]
    assert not any(labels["node"] == "cp2" for found in samples.values() for labels, _ in found)


def test_two_rows_of_one_name_are_one_series() -> None:
    assert value([Row("cp1", status=WRITES), Row("cp1", unreachable="no route")], "up") == 1


hostile = st.text(max_size=12) | st.sampled_from(
    ['"} 1\nkaudit_setup_up{node="x', "a\\", "\x1b[2J", "ｎ\u202ecp1", "\ud800"]
)


@given(hostile, hostile, hostile)
def test_no_text_of_a_stranger_breaks_a_line(name: str, cluster: str, policy: str) -> None:
    row = Row(name, cluster, status=replace(WRITES, host=cluster, version=policy, policy_path=policy))
    text = as_metrics([row])
    text.encode()
    assert {len(found) for found in parsed(text).values()} == {1}
    assert all(line.isprintable() for line in text.split("\n"))


def promtool(*argv: str, stdin: str = "") -> str:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(["promtool", *argv], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_has_nothing_to_say_of_the_metrics() -> None:
    rows = [Row('c"p\\1', "prod\n", status=WRITES), Row("cp2", unreachable="no route")]
    assert promtool("check", "metrics", stdin=as_metrics(rows)).strip() == ""


def test_the_rules_ask_only_for_metrics_that_there_are() -> None:
    there = set(parsed(as_metrics([Row("cp1", status=WRITES)])))
    for rule in rules():
        asked = set(re.findall(r"kaudit_setup_\w+", rule["expr"]))
        assert asked
        assert asked <= there, rule["alert"]


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


# what `status` writes every ten minutes; alerts that then stand after 12 h
STANDS = {
    "works": ({"last_event_timestamp_seconds": "0+600x72", "disk_free_bytes": "100000000000+0x72"}, []),
    "silent": ({"last_event_timestamp_seconds": "60+0x72"}, ["KubernetesAuditNoEvents"]),
    "empty": ({"log_bytes": "0+0x72"}, ["KubernetesAuditNoEvents"]),
    "off": ({"auditing_enabled": "0+0x72", "last_event_timestamp_seconds": "60+0x72"}, ["KubernetesAuditOff"]),
    "by-hand": ({"changed_by_hand": "1+0x72"}, ["KubernetesAuditChangedByHand"]),
    "lost": ({"survives_kubeadm_upgrade": "0+0x72"}, ["KubernetesAuditLostAtUpgrade"]),
    "full": ({"disk_full_in_seconds": "80000+0x72"}, ["KubernetesAuditDiskFull"]),
    "fills": ({"disk_free_bytes": "100000000000-1000000000x72"}, ["KubernetesAuditDiskFull"]),
    "stuck": ({"pending_run": "1+0x72"}, ["KubernetesAuditChangeUnfinished"]),
    "away": ({"up": "0+0x72"}, ["KubernetesAuditNotLookedAt"]),
}


def test_each_alert_stands_when_it_should_and_not_else(tmp_path: Path) -> None:
    def case(name: str, series: dict[str, str], alerts: list[str]) -> dict[str, Any]:
        given = {"auditing_enabled": "1+0x72"} | series
        texts = {rule["alert"]: rule["annotations"] for rule in rules()}
        return {
            "name": name,
            "interval": "10m",
            "input_series": [
                {"series": f'kaudit_setup_{metric}{{node="cp1",instance="a:9100"}}', "values": values}
                for metric, values in given.items()
            ],
            "alert_rule_test": [
                {
                    "eval_time": "12h",
                    "alertname": rule["alert"],
                    "exp_alerts": [
                        {
                            "exp_labels": {"node": "cp1", "instance": "a:9100", **rule["labels"]},
                            "exp_annotations": {
                                key: re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda m: LABELS[m[1]], text)
                                for key, text in texts[rule["alert"]].items()
                            },
                        }
                    ]
                    if rule["alert"] in alerts
                    else [],
                }
                for rule in rules()
            ],
        }

    tests = [case(name, series, alerts) for name, (series, alerts) in STANDS.items()]
    file = tmp_path / "rules-test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "10m", "tests": tests}))
    assert "SUCCESS" in promtool("test", "rules", str(file))
    assert {alert for _, alerts in STANDS.values() for alert in alerts} == {rule["alert"] for rule in rules()}


LABELS = {"node": "cp1", "instance": "a:9100"}
