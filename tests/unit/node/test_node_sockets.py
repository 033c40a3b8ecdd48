"""Sockets that notice silence; what they do then was tried with a packet filter, which needs root."""

from __future__ import annotations

import socket

import pytest

from kaudit_setup.node.ssh.sockets import notice_silence


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system's TCP has no such option")
def test_the_kernel_is_told_in_milliseconds() -> None:
    with socket.socket() as sock:
        notice_silence(sock, 45)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 45_000


def test_what_is_no_tcp_socket_is_left_alone() -> None:
    notice_silence(object(), 45)
    with socket.socket(socket.AF_UNIX) as sock:
        notice_silence(sock, 45)
