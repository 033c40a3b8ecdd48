"""What the project hands out: locks, man pages, workflows. The release itself is `make release`."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import urls
import yaml

from kaudit_setup import __version__

ROOT = Path(__file__).resolve().parents[3]
PACKAGING = ROOT / "contrib/packaging"


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(file: Path) -> dict[str, str]:
    """Name → version of a lock; AssertionError where a pin has no hash."""
    found = {}
    for block in re.split(r"\n(?=\S)", file.read_text()):
        if pin := re.match(r"([A-Za-z0-9._-]+)==([^ \n]+)", block):
            assert "--hash=sha256:" in block, f"{file.name}: {pin[1]} has no hash"
            found[plain(pin[1])] = pin[2]
    return found


def test_every_dependency_is_pinned_with_its_hash_as_it_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {plain(re.match(r"[A-Za-z0-9._-]+", need)[0]) for need in project["dependencies"]}
    shipped = pins(PACKAGING / "requirements.lock")
    assert needed <= set(shipped), needed - set(shipped)
    tested = pins(ROOT / "requirements.lock")
    assert {name: version for name, version in shipped.items() if tested.get(name) != version} == {}


@pytest.mark.parametrize("part", ["build", "release"])
def test_the_tools_of_a_release_are_pinned(part: str) -> None:
    wanted = {
        line
        for line in (PACKAGING / f"requirements-{part}.in").read_text().splitlines()
        if line and not line.startswith("#")
    }
    assert wanted <= set(pins(PACKAGING / f"requirements-{part}.lock"))


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("man")
    env = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, PACKAGING / "man.py", folder], check=True, env=env)
    return folder


def test_every_command_has_a_man_page_with_its_options(manual: Path) -> None:
    pages = {page.stem for page in manual.glob("*.1")}
    assert {"kaudit-setup", "kaudit-setup-enable", "kaudit-setup-policy-lint", "kaudit-setup-who"} <= pages
    enable = (manual / "kaudit-setup-enable.1").read_text()
    assert '"kaudit\\-setup ' in enable.splitlines()[0]
    assert " 2023-11-14 " in enable.splitlines()[0]
    assert "\\-\\-dry\\-run" in enable
    assert ".SH EXAMPLES" in enable


def test_man_reads_every_page_without_a_warning(manual: Path) -> None:
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    for page in manual.glob("*.1"):
        ran = subprocess.run(["groff", "-man", "-Tutf8", "-ww", page], capture_output=True, text=True, check=True)
        assert not ran.stderr, f"{page.name}: {ran.stderr}"


def workflows() -> list[Path]:
    return sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("file", workflows(), ids=lambda file: file.stem)
def test_a_workflow_asks_for_few_rights_and_for_targets_that_exist(file: Path) -> None:
    text = file.read_text()
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    targets = set(re.findall(r"(?m)^([a-z0-9-]+):", (ROOT / "Makefile").read_text()))
    for line in re.findall(r"(?:run: |&& )make ([a-z][a-z0-9 -]*)", text):
        assert set(line.split()) <= targets, f"{file.name}: make {line}"
    assert text.count("actions/checkout") == text.count("persist-credentials: false")


def test_the_image_installs_what_is_pinned_and_runs_as_a_user() -> None:
    steps = (PACKAGING / "Containerfile").read_text()
    assert "--require-hashes" in steps
    assert re.findall(r"(?m)^FROM (\S+)", steps)[-1].endswith(":nonroot")
    for line in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", steps):
        for source in line.split():
            assert (ROOT / source).exists(), source


def steps(file: Path) -> list[tuple[str, str]]:
    """Job and script of every step that runs one."""
    jobs = yaml.safe_load(file.read_text())["jobs"]
    return [(name, step["run"]) for name, job in jobs.items() for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("file", workflows(), ids=lambda file: file.stem)
def test_a_job_that_tests_has_what_the_tests_need(file: Path) -> None:
    """Else they are skipped there, and nobody sees it."""
    jobs: dict[str, str] = {}
    for job, script in steps(file):
        jobs[job] = jobs.get(job, "") + script + "\n"
    for job, script in jobs.items():
        if re.search(r"make test|make e2e", script):
            assert ".ci/packages" in script, f"{file.name}: {job}"
            assert "contrib/ansible/requirements-test.txt" in script, f"{file.name}: {job}"


def test_what_the_tests_look_for_is_in_the_list_of_packages() -> None:
    listed = {line for line in (ROOT / ".ci/packages").read_text().splitlines() if not line.startswith("#")}
    assert {"openssh-server", "busybox", "dash", "shellcheck", "clickhouse-server", "chromium", "buildah"} <= listed
    assert ".ci/packages" in (ROOT / ".ci/run").read_text()


@pytest.mark.parametrize("file", workflows(), ids=lambda file: file.stem)
def test_the_scripts_of_a_workflow_are_sound(file: Path, tmp_path: Path) -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    for _, script in steps(file):
        step = tmp_path / "step.sh"
        step.write_text("#!/bin/bash\n" + re.sub(r"\$\{\{[^}]*\}\}", "value", script))
        ran = subprocess.run(["shellcheck", "--severity=warning", step], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{file.name}: {ran.stdout}"


NAMED = r"rev: v([\w.]+)|audit-policy@v([\w.]+)|ref: v([\w.]+)|kaudit-setup==([\w.]+)|The version is ([\w.]+),"


NAMING = (
    ".pre-commit-hooks.yaml",
    ".github/actions/audit-policy/action.yml",
    "docs/policy-as-code.md",
    "docs/install.md",
)


@pytest.mark.parametrize("page", NAMING)
def test_a_version_that_a_page_names_is_this_one(page: str) -> None:
    named = re.findall(NAMED, (ROOT / page).read_text())
    assert {version for found in named for version in found if version} == {__version__}


HERE = urls.stated((ROOT / "pyproject.toml").read_text())
THERE = urls.Home("https://git.example.org/team/audit", "https://docs.example.org/audit/")


def test_one_command_says_everywhere_where_the_project_lives() -> None:
    """What contrib/urls.py would write: nothing names the old place, and paths of files stay."""
    files = [*(ROOT / ".github").rglob("*.y*ml"), *PACKAGING.glob("*.*"), *(ROOT / "docs").rglob("*.md")]
    files += [
        ROOT / "pyproject.toml",
        ROOT / ".mkdocs.yml",
        ROOT / ".github/CODEOWNERS",
        ROOT / "templates/ci/gitlab.yml",
    ]
    moved = {file: urls.moved(file.read_text(), HERE, THERE) for file in files if file.suffix != ".lock"}
    left = [file.name for file, text in moved.items() if HERE.repository in text or HERE.documentation in text]
    assert left == []
    assert urls.stated(moved[ROOT / "pyproject.toml"]) == THERE
    assert "project: team/audit," in moved[ROOT / "templates/ci/gitlab.yml"]
    assert "@team/maintainers" in moved[ROOT / ".github/CODEOWNERS"]
    assert "../lib/kaudit-setup/kaudit-setup-dir" in moved[PACKAGING / "nfpm.yaml"]


def test_no_file_names_another_place_than_pyproject() -> None:
    """So that the command above misses none."""
    pattern = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+)")
    for file in urls.tracked():
        for slug in pattern.findall(file.read_text(encoding="utf-8")):
            if "kaudit" in slug:
                assert slug.removesuffix(".git") == HERE.slug, file


def test_pypi_finds_the_pages_and_the_picture_of_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(MetadataHookInterface=object)  # hatchling is where a wheel is built
    monkeypatch.setitem(sys.modules, "hatchling.metadata.plugin.interface", module)
    absolute = runpy.run_path(str(PACKAGING / "hatch_build.py"))["absolute"]
    text = absolute((ROOT / "README.md").read_text(), HERE.repository)
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert len(targets) > 10
    assert [target for target in targets if not target.startswith("https://")] == []
    assert f"]({HERE.repository}/raw/main/docs/pictures/report.png)" in text
    assert f"]({HERE.repository}/blob/main/docs/install.md#what-is-on-a-node)" in text


def test_the_example_of_pre_commit_names_hooks_that_exist() -> None:
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    page = (ROOT / "docs/policy-as-code.md").read_text()
    blocks = [yaml.safe_load(block) for block in re.findall(r"(?ms)^```yaml\n(# \.pre-commit.*?)^```", page)]
    named = {hook["id"] for block in blocks for repo in block["repos"] for hook in repo["hooks"]}
    assert named == hooks


def test_the_example_of_the_action_gives_inputs_that_it_has() -> None:
    inputs = yaml.safe_load((ROOT / ".github/actions/audit-policy/action.yml").read_text())["inputs"]
    page = (ROOT / "docs/policy-as-code.md").read_text()
    (step,) = yaml.safe_load(re.search(r"(?ms)^```yaml\n(# \.github/workflows.*?)^```", page)[1])
    assert set(step["with"]) <= set(inputs)
    gitlab = yaml.safe_load((ROOT / "templates/ci/gitlab.yml").read_text())
    included = yaml.safe_load(re.search(r"(?ms)^```yaml\n(# \.gitlab-ci.*?)^```", page)[1])
    assert set(included["variables"]) <= set(gitlab["variables"])
