"""Secrets in command lines are masked, and nothing else."""

from __future__ import annotations

import shlex
import time

import pytest

from kaudit_setup.report.questions.masking import mask_words

SECRET = "hunter2"


@pytest.mark.parametrize(
    "line",
    [
        "mysql -uroot -phunter2 db",
        "/usr/bin/mysqldump -u root -phunter2",
        "sh -c 'mysql -u root -phunter2 -e \"select 1\"'",
        "bash -c \"sh -c 'PGPASSWORD=hunter2 psql'\"",
        "psql postgres://u:hunter2@h/db",
        "curl -u ann:hunter2 http://h",
        "curl -H 'Authorization: Bearer hunter2' http://h",
        "curl -H 'authorization: Basic hunter2' http://h",
        "curl -H 'X-Api-Key: hunter2' http://h",
        "curl http://h/?token=hunter2",
        "env PGPASSWORD=hunter2 pg_dump",
        "export AWS_SECRET_ACCESS_KEY=hunter2",
        "sh -c 'export DB_PASSWORD=\"hunter2 hunter2\"; run'",
        "login --password hunter2",
        "login --password=hunter2,hunter2;hunter2",
        "login --db.password 'hunter2 hunter2'",
        "sh -c 'login --password \"hunter2 hunter2\"'",
        "kubectl --token hunter2 get pods",
        "tool -p=hunter2",
        "redis-cli -a hunter2 ping",
        "redis-cli AUTH hunter2",
        "htpasswd -b /etc/users ann hunter2",
        "rabbitmqctl change_password guest hunter2",
        "vault login hunter2",
        "etcdctl --user root:hunter2 get /",
        "aws configure set aws_secret_access_key hunter2",
        "sh -c 'echo hunter2 | sudo -S id'",
        "sh -c 'echo hunter2 | docker login -u ann --password-stdin'",
        "sh -c 'printf ann:hunter2 | chpasswd'",
        "psql -c \"ALTER USER ann PASSWORD 'hunter2'\"",
        "mysql -e \"CREATE USER ann IDENTIFIED BY 'hunter2'\"",
        "sshpass -p hunter2 ssh h",
        "sshpass -phunter2 ssh h",
        "openssl rsa -passin pass:hunter2",
        "java -Dspring.datasource.password=hunter2 -jar a.jar",
        'echo \'{"password": "hunter2"}\'',
        "docker login -u ann -p hunter2 registry",
        "curl -uann:hunter2 http://h",
        "az login --service-principal -p hunter2",
        "cqlsh -u ann -p hunter2",
        "zip -P hunter2 a.zip a",
        "snmpwalk -v3 -A hunter2 h",
        "kubectl create secret generic db --from-literal=user=hunter2",
        "echo '-----BEGIN RSA PRIVATE KEY-----hunter2'",
    ],
)
def test_a_secret_is_masked(line: str) -> None:
    masked = mask_words(shlex.split(line))
    assert not any(SECRET in word for word in masked)
    assert any("***" in word for word in masked)


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl",
        "ghp_0123456789abcdefABCDEF0123456789abcd",
        "AKIAIOSFODNN7EXAMPLE",
        "hvs.CAESIJlU02LQZq1abcdefghijkl",
        "d41d8cd98f00b204e9800998ecf8427e",
        "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
    ],
)
def test_what_looks_random_is_masked(secret: str) -> None:
    assert mask_words(["vault", "login", secret]) == ["vault", "login", "***"]
    assert secret not in mask_words(["sh", "-c", f"x {secret} | y"])[2]


@pytest.mark.parametrize(
    "line",
    [
        "sh",
        "mkdir -p /tmp/a",
        "ps -p 12",
        "ls -la /usr/local/lib/python3.11/site-packages/werkzeug",
        "cat /var/run/secrets/kubernetes.io/serviceaccount/token",
        "kubectl logs web-7887448d46-mtt74",
        "kubectl get secret db-pass -n shop",
        "git log --author=ann",
        "psql -h db.shop.svc.cluster.local -c 'select count(*) from orders where day > 3'",
        "curl https://registry.example.com/v2/library/nginx/manifests/latest",
        "login ''",
        "mysql -p",
    ],
)
def test_other_words_stay(line: str) -> None:
    words = shlex.split(line)
    assert mask_words(words) == words


@pytest.mark.parametrize(
    "part", ["a", "password", "eyJ-", "\"'", '\\"', "token ", "http://", "A1b", "Authorization: "]
)
def test_a_long_hostile_word_costs_little(part: str) -> None:
    begin = time.process_time()
    mask_words([part * (100_000 // len(part)), "x"])
    mask_words(["sh", "-c", "x " + part * (100_000 // len(part))])
    assert time.process_time() - begin < 5
