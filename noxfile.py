# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that checks, tests and builds. `nox -l` lists the sessions, CONTRIBUTING.md says how to run one test."""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import typing as t
import zipfile
from concurrent.futures import ThreadPoolExecutor

import nox

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "tests"))

import project
from project import CORES, ROOT, VENVS
from tools import ansible_test_home, debian

nox.needs_version = ">=2025.5.1"
nox.options.envdir = str(VENVS / "envs")
nox.options.reuse_venv = "yes"
# A test that did not run has not passed.
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["lint", "types", "units-newest", "integration-newest"]

os.environ["PATH"] = project.search_path()
# Nobody listens there, so a test that forgets to say where IMDS is asks nobody.
os.environ["AZURE_IMDS_ENDPOINT"] = "http://127.0.0.1:9"

TESTS = ROOT / "tests"
REQUIREMENTS = TESTS / "requirements"
COLLECTION = pathlib.Path("ansible_collections", "imds", "azure")
IMPORTABLE = os.pathsep.join(str(TESTS / name) for name in ("", "system"))
ISOLATED = ("python", str(TESTS / "tools" / "isolation.py"))
# A mount namespace of its own, and the folder where `ip netns` keeps names and systemd-networkd its leases.
OWN_RUN = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh")
NEWEST = "newest"
# For tests that have 169.254.169.254 to themselves, in namespaces of their own.
REAL: dict[str, str | None] = {"AZURE_IMDS_ENDPOINT": None}

# The integration targets that take minutes. Each is a job of its own, and they begin first.
SLOW = ("role_maintenance", "guides", "faults", "examples")
MAIN_JOB = ("cloud", "instance_facts", "instances", "metadata")
JOBS_AT_ONCE = 2


def installed(*versions: str) -> str | None:
    return next((version for version in versions if shutil.which(f"python{version}")), None)


def python_for(core: str) -> str:
    """The best Python on this machine for an ansible-core, or the one to install.

    With Python 3.11 alone, the newest ansible-core is the newest one for that.
    """
    versions = CORES[core].controllers
    lesser = installed("3.11") if core == NEWEST else None
    return installed(*versions) or lesser or versions[0]


Test = t.Callable[[nox.Session, str], None]


def for_each_python(test: Test) -> Test:
    """Sessions such as units-2.19, which takes the best Python on this machine, and units-2.19-3.12."""
    for core, versions in CORES.items():
        add_sessions(test, core, (python_for(core), *versions.controllers))
    return test


def for_each_core(test: Test) -> Test:
    """Sessions such as sanity-2.19."""
    for core in CORES:
        add_sessions(test, core, (python_for(core),))
    return test


def add_sessions(test: Test, core: str, versions: t.Sequence[str]) -> None:
    """The first version is the one that the session takes whose name has none."""
    for version in dict.fromkeys(versions):
        kind = test.__name__
        name = f"{kind}-{core}" if version == versions[0] else f"{kind}-{core}-{version}"

        def session(session: nox.Session) -> None:
            install_core(session, core)
            test(session, core)

        session.__doc__ = f"{test.__doc__} ansible-core {core}, Python {version}."
        nox.session(session, name=name, python=version, tags=[kind])


def install(session: nox.Session, *names: str) -> None:
    session.install(*(f"--requirement={REQUIREMENTS / name}.txt" for name in names), "--quiet")


def install_core(session: nox.Session, core: str) -> None:
    install(session, f"core-{core}")
    if core == NEWEST and session.python not in CORES[core].controllers:
        session.warn(f"{' or '.join(CORES[core].controllers)} is missing: an older ansible-core")


@contextlib.contextmanager
def copied() -> t.Iterator[pathlib.Path]:
    """A copy of every file that git knows or could add, in a collection tree that no other collection tree is around."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="imds.azure-") as folder:
        tree = pathlib.Path(folder).resolve() / COLLECTION
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file() or (ROOT / name).is_symlink():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name, follow_symlinks=False)
        # ansible-test asks git which files there are.
        subprocess.run(["git", "init", "--quiet", "--template="], cwd=tree, check=True)
        yield tree


def collections() -> pathlib.Path:
    """A folder in which Ansible finds this repository as the collection that it is."""
    if ROOT.parts[-3:] == COLLECTION.parts:
        return ROOT.parents[2]
    link = VENVS / "collections" / COLLECTION
    link.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        link.symlink_to(ROOT)
    return VENVS / "collections"


def environment(**more: str | pathlib.Path) -> dict[str, str | None]:
    """Without what could change what Ansible does, or send a test to another machine."""
    others = ("ANSIBLE_", "IDENTITY_", "IMDS_", "MSI_", "PYTHON")
    hidden = [n for n in os.environ if n.startswith(others) or n.lower().endswith("_proxy")]
    home = {"ANSIBLE_HOME": str(VENVS / "home"), "PYTHONPATH": IMPORTABLE}
    return {**dict.fromkeys(hidden), **home, **{name: str(each) for name, each in more.items()}}


def require(session: nox.Session, **packages: str) -> None:
    try:
        debian.require(packages)
    except debian.Unavailable as problem:
        session.error(str(problem))


@nox.session(python=installed("3.12", "3.11", "3.13"))
def lint(session: nox.Session) -> None:
    """Check style, licences, documentation, the changelog, and certificates that end."""
    install(session, "lint")
    oldest = "-t={}.{}-".format(*project.OLDEST_PYTHON)
    managed = ("plugins/module_utils", "plugins/modules")
    documents = ("--plugin-docs", "--check-extra-docs-refs", "--validate-collection-refs=dependent")
    run_all(
        session,
        ("ruff", "check", "--quiet", "."),
        ("ruff", "format", "--quiet", "--check", "--diff", "."),
        ("yamllint", "--strict", "."),
        ("reuse", "lint", "--lines"),
        # The grammar and the library of the oldest Python on managed nodes.
        ("vermin", "-q", "--no-tips", "--violations", oldest, *managed),
        ("antsibull-changelog", "lint"),
        ("antsibull-docs", "lint-collection-docs", *documents, "."),
        ("python", "-m", "tools.certificates"),
    )
    with copied() as tree, session.chdir(tree):
        env = environment(ANSIBLE_COLLECTIONS_PATH=tree.parents[2])
        options = ("--offline", "--strict", "--profile=production", "--nocolor")
        session.run("ansible-lint", *options, env=env)


def run_all(session: nox.Session, *commands: t.Sequence[str]) -> None:
    """Also those after one that failed."""
    failed = []
    for command in commands:
        try:
            session.run(*command, env=environment())
        except nox.command.CommandFailed:
            failed.append(" ".join(command[:2]))
    if failed:
        session.error(f"failed: {', '.join(failed)}")


@nox.session(python=installed("3.12", "3.11", "3.13"))
def types(session: nox.Session) -> None:
    """Check types with mypy."""
    install(session, "lint")
    where = collections()
    mypy = (
        "mypy",
        f"--config-file={ROOT / 'pyproject.toml'}",
        f"--cache-dir={VENVS / 'mypy-cache'}",
    )
    env = {"MYPYPATH": os.pathsep.join((str(where), IMPORTABLE))}
    packages = (
        f"--package=ansible_collections.imds.azure.{name}" for name in ("plugins", "extensions")
    )
    with session.chdir(where):
        session.run(*mypy, *packages, env=env)
    # Tests of the plugins hand them what no type allows, so they are not among these.
    typed = (
        "project.py",
        "guides.py",
        "simulated.py",
        "tools",
        "benchmarks",
        "demo",
        "faults",
        "simulator",
    )
    systems = (
        f"system/{name}" for name in ("browser", "diagnose", "fleet", "package", "peers", "pythons")
    )
    with session.chdir(TESTS):
        session.run(*mypy, *typed, *systems, "unit/simulator", "../noxfile.py", env=env)


@nox.session(python=installed("3.13", "3.12", "3.11"))
def docs(session: nox.Session) -> None:
    """Build the documentation site into .venv/site."""
    install(session, "docs")
    build_site(session)


def build_site(session: nox.Session) -> pathlib.Path:
    settings, site = ROOT / "docs" / "site", VENVS / "site"
    shutil.rmtree(site, ignore_errors=True)
    env = environment(ANSIBLE_COLLECTIONS_PATH=collections())
    with tempfile.TemporaryDirectory() as source:
        pathlib.Path(source).chmod(0o755)
        write = ("antsibull-docs", f"--config-file={settings / 'antsibull-docs.cfg'}", "collection")
        options = ("--use-current", "--squash-hierarchy", "--fail-on-error", f"--dest-dir={source}")
        session.run(*ISOLATED, *write, *options, "imds.azure", env=env)
        build = ("sphinx-build", "--quiet", "--fail-on-warning", f"--conf-dir={settings}")
        trees = f"--doctree-dir={VENVS / 'site-doctrees'}"
        # Half a site is none: it appears when it is whole.
        half = VENVS / "site-unfinished"
        shutil.rmtree(half, ignore_errors=True)
        session.run(*ISOLATED, *build, trees, "--fresh-env", source, str(half), env=env)
        half.rename(site)
    return site


@for_each_python
def units(session: nox.Session, core: str) -> None:
    """Run the unit tests:"""
    del core
    session.run("pytest", "--quiet", *(session.posargs or ["--numprocesses=auto"]))


@nox.session(python=python_for(NEWEST))
def coverage(session: nox.Session) -> None:
    """Measure which branches of the plugins the unit tests take."""
    install(session, f"core-{NEWEST}")
    session.install("--quiet", "pytest-cov")
    report = ("--cov=plugins", "--cov-branch", "--cov-report=term:skip-covered")
    env = {"COVERAGE_FILE": str(VENVS / "coverage")}
    session.run("pytest", "--quiet", "--numprocesses=auto", *report, *session.posargs, env=env)


@for_each_python
def integration(session: nox.Session, core: str) -> None:
    """Run integration targets:"""
    targets = session.posargs or daily_targets(core)
    slow = [[name] for name in SLOW if name in targets]
    quick = [name for name in targets if name not in SLOW]
    jobs = [*slow, *filter(None, (quick[start::4] for start in range(4)))]
    with ThreadPoolExecutor(1 if len(jobs) == 1 else JOBS_AT_ONCE) as pool:
        failed = [each for each in pool.map(functools.partial(run_targets, session), jobs) if each]
    if failed:
        session.error(f"failed, with the output above: {', '.join(failed)}")


def daily_targets(core: str) -> list[str]:
    """All for the oldest and the newest; between them, where nothing begins or ends, the main job."""
    if os.environ.get("IMDS_TARGETS") != "all" and core not in ("2.16", NEWEST):
        return list(MAIN_JOB)
    return sorted(file.parent.name for file in TESTS.glob("integration/targets/*/aliases"))


def run_targets(session: nox.Session, targets: t.Sequence[str]) -> str:
    """Returns what failed; the output is shown only then, so that jobs side by side don't mix theirs."""
    name = " ".join(targets)
    with copied() as tree, tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        command = ("ansible-test", "integration", "--local", "--color=no", "--continue-on-error")
        home = tree.parents[2] / "home"
        home.mkdir()
        try:
            # By its whole path, and in a shell: the current folder is one for all threads.
            inside = ("sh", "-c", f'cd "{tree}" && exec "$@"', "sh")
            env = {"HOME": str(home)}
            session.run(
                *ISOLATED,
                *inside,
                *command,
                *targets,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=env,
            )
        except nox.command.CommandFailed:
            log.seek(0)
            print(log.read(), flush=True)
            return name
    session.log(f"ok: {name}")
    return ""


@for_each_core
def sanity(session: nox.Session, core: str) -> None:
    """Run ansible-test's own checks:"""
    home = VENVS / f"home-sanity-{core}"
    ansible_test_home.prepare(home, pathlib.Path(session.virtualenv.location))
    # One line has its modules compiled and imported by every Python that is there, which takes minutes.
    python = () if core == "2.19" else (f"--python={session.python}",)
    with copied() as tree, session.chdir(tree):
        command = ("ansible-test", "sanity", "--local", "--color=no", *python, *session.posargs)
        session.run(*command, env={"HOME": str(home)})


@for_each_core
def pythons(session: nox.Session, core: str) -> None:
    """Run the modules on each Python of managed nodes:"""
    if not shutil.which("python3.14") and "3.14" in CORES[core].nodes:
        make = ("python", "-m", "pythons.debian_testing")
        session.run(*make, env={"PYTHONPATH": IMPORTABLE}, success_codes=[0, 3])
    env = environment(
        ANSIBLE_COLLECTIONS_PATH=collections(), IMDS_PYTHONS=" ".join(CORES[core].nodes)
    )
    with session.chdir(TESTS / "system"):
        session.run(*ISOLATED, "pytest", "-rs", "--quiet", "pythons", *session.posargs, env=env)


@for_each_core
def diagnose(session: nox.Session, core: str) -> None:
    """Break networks, and look what the role diagnose says (needs root):"""
    del core
    require(session, ip="iproute2", nft="nftables", unshare="util-linux", mount="mount")
    env = environment(ANSIBLE_COLLECTIONS_PATH=collections()) | REAL
    with session.chdir(TESTS / "system"):
        pytest = ("pytest", "--quiet", "diagnose", *session.posargs)
        session.run(*ISOLATED, "--as-root", *OWN_RUN, *pytest, env=env)


@for_each_core
def peers(session: nox.Session, core: str) -> None:
    """Let other programs read the simulator (needs root):"""
    del core
    env = environment(ANSIBLE_COLLECTIONS_PATH=collections()) | REAL
    session.run("python", "-m", "peers.root", env={"PYTHONPATH": IMPORTABLE})
    with session.chdir(TESTS / "system"):
        session.run(*ISOLATED, "--as-root", "pytest", "--quiet", "peers", *session.posargs, env=env)


@nox.session(python=python_for(NEWEST))
def fleet(session: nox.Session) -> None:
    """Gather a fleet over SSH: network namespaces with an sshd and an IMDS each (needs root)."""
    install_fleet(session)
    used = VENVS / "fleet-namespaces.txt"
    used.unlink(missing_ok=True)
    env = environment(IMDS_FLEET_COLLECTIONS=collections(), IMDS_FLEET_REPORT=used) | REAL
    with session.chdir(TESTS / "system"):
        try:
            pytest = ("pytest", "--quiet", "fleet", f"--basetemp={VENVS / 'fleet-tmp'}")
            session.run(*ISOLATED, "--as-root", *pytest, *session.posargs, env=env)
        finally:
            session.run("python", "-m", "fleet.leftovers", str(used), env=env)


def install_fleet(session: nox.Session) -> None:
    """With two collections out of a package that has a hundred of them."""
    server = {"redis-cli": "redis-server", "redis-server": "redis-server", "ip": "iproute2"}
    require(session, **server, ssh="openssh-client", sshd="openssh-server", setpriv="util-linux")
    install(session, "fleet")
    (target,) = pathlib.Path(session.virtualenv.location).glob("lib/python*/site-packages")
    wanted = [f"ansible_collections/{name}/" for name in ("amazon/aws", "community/general")]
    if all((target / name).is_dir() for name in wanted):
        return
    with tempfile.TemporaryDirectory() as downloads:
        pip = ("python", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")
        session.run(
            *pip, f"--dest={downloads}", f"--requirement={REQUIREMENTS / 'collections.txt'}"
        )
        (wheel,) = pathlib.Path(downloads).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(
                target, [n for n in archive.namelist() if n.startswith(tuple(wanted))]
            )


@nox.session(python=installed("3.11", "3.12"))
def eda(session: nox.Session) -> None:
    """Run the event source in ansible-rulebook (needs Java 17)."""
    java = shutil.which("java")
    if not (java or os.environ.get("JAVA_HOME")):
        session.error(
            "ansible-rulebook needs Java 17 or newer (default-jre-headless on Debian), or JAVA_HOME"
        )
    install(session, "eda")
    home = os.environ.get("JAVA_HOME") or str(pathlib.Path(java or "").resolve().parents[1])
    with tempfile.TemporaryDirectory() as folder:
        install_collection(session, build(session, folder), folder)
        env = environment(ANSIBLE_COLLECTIONS_PATH=folder, JAVA_HOME=home)
        session.run("pytest", "--quiet", "tests/system/eda", *session.posargs, env=env)


@nox.session(python=python_for(NEWEST))
def browser(session: nox.Session) -> None:
    """Look at the site and at the map of a fleet in a real browser; screenshots go to .venv/screenshots."""
    require(session, chromium="chromium", chromedriver="chromium-driver")
    install(session, "browser", "docs")
    screenshots = VENVS / "screenshots"
    screenshots.mkdir(parents=True, exist_ok=True)
    site = build_site(session)
    env = environment(
        ANSIBLE_COLLECTIONS_PATH=collections(), IMDS_SCREENSHOTS=screenshots, IMDS_SITE=site
    )
    session.run(*ISOLATED, "pytest", "--quiet", "tests/system/browser", *session.posargs, env=env)


@nox.session(python=installed("3.12", "3.11", "3.13"))
def package(session: nox.Session) -> None:
    """Build the tarball into .venv/package; check its contents, and what Galaxy says of it."""
    install(session, "lint")
    folder = VENVS / "package"
    shutil.rmtree(folder, ignore_errors=True)
    tarball = build(session, folder)
    env = environment(IMDS_TARBALL=tarball)
    session.run("pytest", "--quiet", "tests/system/package", *session.posargs, env=env)


@nox.session(python=python_for(NEWEST), requires=["package"])
def smoke(session: nox.Session) -> None:
    """Install the tarball where nothing but requirements.txt is, and use it."""
    install(session, "execution")
    (tarball,) = (VENVS / "package").glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as folder:
        install_collection(session, tarball, folder)
        for file in (TESTS / "system/package/smoke.yml", TESTS / "demo/fleet.imds.yml"):
            shutil.copy(file, folder)
        shutil.copy(TESTS / "simulator/fleet.json", folder)
        env = environment(ANSIBLE_COLLECTIONS_PATH=folder, HOME=folder)
        simulated = (*ISOLATED, "python", str(TESTS / "simulated.py"), folder)
        session.run(
            *simulated,
            "ansible-playbook -i hosts.json imds.azure.gather -e imds_snapshot_dir=snapshots",
            "ansible-playbook -i fleet.imds.yml -i hosts.json smoke.yml",
            "ansible-doc --type role imds.azure.guard",
            env=env,
        )


def build(session: nox.Session, folder: str | pathlib.Path) -> pathlib.Path:
    with copied() as tree, session.chdir(tree):
        session.run(
            "ansible-galaxy", "collection", "build", f"--output-path={folder}", env=environment()
        )
    (tarball,) = pathlib.Path(folder).glob("*.tar.gz")
    return tarball


def install_collection(session: nox.Session, tarball: pathlib.Path, folder: str) -> None:
    """Where there is no network at all."""
    where = ("--offline", f"--collections-path={folder}")
    for command, what in (("install", str(tarball)), ("verify", "imds.azure")):
        galaxy = ("ansible-galaxy", "collection", command, *where, what)
        session.run(*ISOLATED, *galaxy, env=environment(ANSIBLE_COLLECTIONS_PATH=folder))


@nox.session(python=installed("3.13", "3.12", "3.11"))
def fuzz(session: nox.Session) -> None:
    """Try bytes that might break the readers of answers and documents; -- SECONDS for each."""
    install(session, "fuzz")
    (seconds,) = session.posargs or ["20"]
    with session.chdir(TESTS):
        for target in ("answers", "bodies", "documents", "files", "texts"):
            corpus = VENVS / "fuzz-corpus"
            session.run("python", "-m", "fuzz", target, seconds, str(corpus), env=environment())


@nox.session(python=python_for(NEWEST))
def demo(session: nox.Session) -> None:
    """Show the main job of the collection on simulated virtual machines."""
    install_core(session, NEWEST)
    with session.chdir(TESTS):
        env = environment(ANSIBLE_COLLECTIONS_PATH=collections())
        session.run("python", "-m", "demo", env=env)


@nox.session(python=python_for(NEWEST))
def simulator(session: nox.Session) -> None:
    """Serve the simulator's sample fleet until Ctrl-C; -- --port 9000 --fleet FILE."""
    install_core(session, NEWEST)
    session.run("python", "-m", "simulator", *session.posargs, env={"PYTHONPATH": IMPORTABLE})


@nox.session(python=python_for(NEWEST))
def benchmark(session: nox.Session) -> None:
    """Measure the collection beside its peers, 45 minutes (needs root); -- PARTS --runs 7."""
    install_fleet(session)
    env = environment(ANSIBLE_COLLECTIONS_PATH=collections()) | REAL
    with session.chdir(TESTS):
        session.run("python", "-m", "benchmarks", *session.posargs, env=env)


@nox.session(python=installed("3.12", "3.11", "3.13"))
def changelog(session: nox.Session) -> None:
    """Write the release notes of the version in galaxy.yml, from the fragments."""
    install(session, "lint")
    session.run("antsibull-changelog", "release", *session.posargs)
