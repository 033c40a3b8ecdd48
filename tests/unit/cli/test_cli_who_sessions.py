"""What ran in a container: `who exec` shows it, and masks what looks like a secret."""

from __future__ import annotations

from typing import Any

from eventkit import NOISE, Asker, event, write


def connection(time: str, user: str, sub: str, query: str, **more: Any) -> dict[str, Any]:
    uri = f"/api/v1/namespaces/shop/pods/db-0/{sub}{query}"
    return event(time, user, "create", "pods", "db-0", ns="shop", sub=sub, code=101, requestURI=uri, **more)


def session(who: Asker, *args: str) -> Any:
    return who.json("exec", "pod/db-0", "-n", "shop", *args)["events"][-1]["session"]


def test_the_command_of_an_exec(who: Asker) -> None:
    query = (
        "?command=sh&command=-c&command=echo+a%26b%20%27c%27&command=&container=app&stdin=true&stdout=true&tty=true"
    )
    write(who.path, *NOISE, connection("10:00:00.000000", "ann", "exec", query))
    assert session(who) == {
        "kind": "exec",
        "command": ["sh", "-c", "echo a&b 'c'", ""],
        "container": "app",
        "tty": True,
        "stdin": True,
        "ports": [],
        "path": None,
        "masked": False,
    }
    shown = """sh -c 'echo a&b '"'"'c'"'"'' '' (container app, terminal, stdin)"""
    assert f"[1] exec: {shown}" in who.text("exec", "pod/db-0", "-n", "shop")
    assert shown in who.text("exec", "-A")
    assert shown in who.text("touched", "--user", "ann")


def test_secrets_are_masked_unless_asked_for(who: Asker) -> None:
    write(who.path, *NOISE, connection("10:00:00.000000", "ann", "exec", "?command=mysql&command=-phunter2"))
    for question in (["exec", "pod/db-0", "-n", "shop"], ["exec", "-A"], ["touched", "--user", "ann"]):
        text = who.text(*question)
        assert "mysql -p***" in text
        assert "hunter2" not in text
        assert "--show-secrets shows it" in text
        assert "hunter2" not in str(who.json(*question))
        shown = who.text(*question, "--show-secrets")
        assert "mysql -phunter2" in shown
        assert "--show-secrets" not in shown
        assert "hunter2" in str(who.json(*question, "--show-secrets"))


def test_attach_and_port_forward(who: Asker) -> None:
    write(
        who.path,
        *NOISE,
        connection("10:00:00.000000", "ann", "attach", "?container=app&stdin=true&tty=true"),
        connection("11:00:00.000000", "ann", "portforward", "?ports=8080&ports=9090"),
        connection("12:00:00.000000", "ann", "portforward", ""),
    )
    text = who.text("exec", "pod/db-0", "-n", "shop")
    assert "attach: attached to its process (container app, terminal, stdin)" in text
    assert "portforward: port 8080, 9090" in text
    assert "portforward: ports are named inside the connection, not in the log" in text


def test_through_a_kubelet_and_through_a_proxy(who: Asker) -> None:
    kubelet = "/api/v1/nodes/n1/proxy/run/shop/db-0/app?cmd=id+-u"
    proxied = "/api/v1/namespaces/shop/pods/db-0/proxy/admin%20x?token=hunter2"
    write(
        who.path,
        *NOISE,
        event("10:00:00.000000", "bob", "create", "nodes", "n1", ns="", sub="proxy", requestURI=kubelet),
        event("11:00:00.000000", "ann", "get", "pods", "db-0", ns="shop", sub="proxy", requestURI=proxied),
    )
    text = who.text("exec", "pod/db-0", "-n", "shop")
    assert "exec: id -u (container app)" in text
    assert "proxy: /admin x?token=***" in text


def test_a_hostile_command_cannot_touch_the_terminal(who: Asker) -> None:
    write(who.path, *NOISE, connection("10:00:00.000000", "ann", "exec", "?command=%1b%5b2J%0aNotes&command=%ff"))
    text = who.text("exec", "-A")
    assert "\x1b" not in text
    assert "\\x1b[2J\\x0aNotes" in text
