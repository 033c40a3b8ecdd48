"""Findings about other files in the static Pod folder that kubelet takes for a kube-apiserver. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.manifest import kubelet
from kaudit_setup.node.observe import FileSeen

# kubelet keeps static Pods by namespace and name (pkg/kubelet/config/file.go:newSourceFile, MetaNamespaceKeyFunc)
_REPLACES = "and the last one in sort order wins"
_RUNS_BESIDE = (
    "and runs this one, {}, beside the other: they fight for the server's port, or requests reach a server without "
    "these audit settings"
)


def strays(state: NodeState) -> Iterator[Finding]:
    """Of files that run an API server, or a Pod of the same name; of others that mention one, that they do."""
    for beside in state.observed.beside:
        try:
            pod = kubelet.read(beside.content or b"")
        except kubelet.NotAPodError as error:
            yield from _mention(beside, error)
        else:
            yield from _pod(beside, pod, same=(pod.namespace, pod.name) == (state.pod.namespace, state.pod.name))


def _mention(beside: FileSeen, error: kubelet.NotAPodError) -> Iterator[Finding]:
    # UTF-16 has a NUL beside each letter
    if b"kube-apiserver" in (beside.content or b"").replace(b"\0", b""):
        yield _unread(beside, kubelet.Fault(error.problem, error.line))


def _pod(beside: FileSeen, pod: kubelet.StaticPod, *, same: bool) -> Iterator[Finding]:
    """`same`: it has the namespace and name of the Pod that is changed."""
    if not pod.runs_api_server and not same:
        return
    if pod.faults:
        yield _unread(beside, pod.faults[0])
    else:
        yield Finding(
            "stray-manifest",
            True,
            f"{beside.path} also holds a kube-apiserver Pod; kubelet reads every file there, whatever its name, "
            + (_REPLACES if same else _RUNS_BESIDE.format(f"{pod.namespace}/{pod.name}")),
            "move it out of the static Pod directory",
        )


def _unread(beside: FileSeen, fault: kubelet.Fault) -> Finding:
    """A file that names kube-apiserver and that kubelet refuses: it does no harm until somebody repairs it."""
    return Finding(
        "stray-unread",
        False,
        f"{beside.path} mentions kube-apiserver, but kubelet does not take it for a Pod ({fault})",
        "move it out of the static Pod directory",
    )
