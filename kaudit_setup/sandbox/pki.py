"""Throw-away certificates with kubeadm's names, organisations and places.

Source of names: cmd/kubeadm/app/phases/certs/certlist.go and phases/kubeconfig/kubeconfig.go. Keys are P-256
instead of kubeadm's RSA-2048: they take a millisecond instead of a tenth of a second.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kaudit_setup.model import KubeVersion


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    cert: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def cert_pem(self) -> bytes:
        """The certificate as PEM."""
        return self.cert.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key as PEM, unencrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )


def authority(name: str) -> Pair:
    """A self-signed certificate authority."""
    return _issue(name, (), None, ca=True)


def _issue(
    name: str, organisations: Sequence[str], issuer: Pair | None, *, ca: bool = False, hosts: Sequence[str] = ()
) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organisations]
        + [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.cert.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((issuer.key if issuer else key).public_key()),
            critical=False,
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_encipherment=True,
                key_cert_sign=ca,
                crl_sign=ca,
                content_commitment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if not ca:
        usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(h) for h in hosts]), critical=False)
    return Pair(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def load(stem: Path) -> Pair:
    """The pair that was written to `stem`.crt and `stem`.key."""
    key = serialization.load_pem_private_key(stem.with_name(f"{stem.name}.key").read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{stem}.key was not written by the sandbox")
    return Pair(x509.load_pem_x509_certificate(stem.with_name(f"{stem.name}.crt").read_bytes()), key)


def write_all(etc: Path, *, node: str, port: int, version: KubeVersion, cluster: Path | None = None) -> None:
    """Fill `etc` (the node's /etc/kubernetes) with kubeadm's pki/ and kubeconfig files.

    `cluster`: the same folder of a node whose cluster this one joins; its CA is taken.
    """
    pki = etc / "pki"
    (pki / "etcd").mkdir(parents=True, exist_ok=True)
    ca = load(cluster / "pki/ca") if cluster else authority("kubernetes")
    etcd_ca, front_ca = authority("etcd-ca"), authority("front-proxy-ca")
    dns = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", node]
    # since 1.29 admin.conf is an ordinary group that RBAC makes cluster-admin, super-admin.conf is the master key
    split = version >= KubeVersion(1, 29)
    admins = "kubeadm:cluster-admins" if split else "system:masters"
    _write(pki / "ca", ca)
    _write(pki / "etcd/ca", etcd_ca)
    _write(pki / "front-proxy-ca", front_ca)
    _write(pki / "apiserver", _issue("kube-apiserver", (), ca, hosts=[*dns, "127.0.0.1", "10.96.0.1"]))
    # since 1.36.1 it may do nothing but talk to kubelets (kubernetes#138958)
    client = () if version >= KubeVersion(1, 36) else (admins,)
    _write(pki / "apiserver-kubelet-client", _issue("kube-apiserver-kubelet-client", client, ca))
    _write(pki / "apiserver-etcd-client", _issue("kube-apiserver-etcd-client", (), etcd_ca))
    _write(pki / "front-proxy-client", _issue("front-proxy-client", (), front_ca))
    account = ec.generate_private_key(ec.SECP256R1())
    (pki / "sa.key").write_bytes(Pair(ca.cert, account).key_pem)
    (pki / "sa.key").chmod(0o600)
    (pki / "sa.pub").write_bytes(
        account.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    people = {
        "admin": ("kubernetes-admin", (admins,)),
        "kubelet": (f"system:node:{node}", ("system:nodes",)),
        "controller-manager": ("system:kube-controller-manager", ()),
        "scheduler": ("system:kube-scheduler", ()),
    }
    if split:
        people["super-admin"] = ("kubernetes-super-admin", ("system:masters",))
    for name, (user, groups) in people.items():
        target = etc / f"{name}.conf"
        target.write_text(_kubeconfig(user, _issue(user, groups, ca), ca, port))
        target.chmod(0o600)


def _write(stem: Path, pair: Pair) -> None:
    stem.with_name(f"{stem.name}.crt").write_bytes(pair.cert_pem)
    key = stem.with_name(f"{stem.name}.key")
    key.write_bytes(pair.key_pem)
    key.chmod(0o600)


def _kubeconfig(user: str, pair: Pair, ca: Pair, port: int) -> str:
    def b64(data: bytes) -> str:
        return base64.b64encode(data).decode()

    return f"""apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {b64(ca.cert_pem)}
    server: https://127.0.0.1:{port}
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: {user}
  name: {user}@kubernetes
current-context: {user}@kubernetes
kind: Config
preferences: {{}}
users:
- name: {user}
  user:
    client-certificate-data: {b64(pair.cert_pem)}
    client-key-data: {b64(pair.key_pem)}
"""


def ssh_key(path: Path) -> str:
    """Write a new ed25519 key in OpenSSH's format to `path` (0600); returns `ssh-ed25519 AAAA…`."""
    key = ed25519.Ed25519PrivateKey.generate()
    path.touch(0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
    )
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
