# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks, tests and builds of the project. `nox -l` lists the sessions. CONTRIBUTING.md says how to run one test."""

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

nox.needs_version = ">=2026.10"
nox.options.envdir = str(VENVS / "envs")
nox.options.reuse_venv = "yes"
# `nox -j 3` runs three sessions at once.
nox.options.allow_parallel = True
# A session whose Python is missing fails. Otherwise a test that did not run would look like a success.
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["lint", "types", "units-newest", "integration-newest"]

os.environ["PATH"] = project.search_path()
# Nothing listens here, so a test that does not set its own endpoint never reaches a real IMDS.
NOBODY = "http://127.0.0.1:9"
os.environ["AZURE_IMDS_ENDPOINT"] = NOBODY

TESTS = ROOT / "tests"
REQUIREMENTS = TESTS / "requirements"
COLLECTION = pathlib.Path("ansible_collections", "imds", "azure")
IMPORTABLE = os.pathsep.join(str(TESTS / name) for name in ("", "simulator", "system"))
ISOLATED = ("python", str(TESTS / "tools" / "isolation.py"))
# `python -m pytest` puts the current folder on the path of Python, also for the processes that a test starts.
PYTEST = ("python", "-m", "pytest", "--quiet")
# Most installed files are never imported, so pip does not compile them.
QUICKLY = ("--quiet", "--no-compile")
NEWEST = "newest"
# For tests that own the address 169.254.169.254, because they run in their own network namespaces.
REAL = {"AZURE_IMDS_ENDPOINT": None}

# The integration targets that take minutes. Each of them is a separate job, and these jobs begin first.
SLOW = ("role_maintenance", "guides", "gather", "windows_hosts", "instances", "faults", "examples")


def installed(*versions: str) -> str | None:
    return next((version for version in versions if shutil.which(f"python{version}")), None)


def python_for(core: str) -> str:
    """The best Python on this machine for an ansible-core. If there is none, the Python to install.

    If this machine has only Python 3.11, "newest" means the newest ansible-core that supports Python 3.11.
    """
    versions = CORES[core].controllers
    lesser = installed("3.11") if core == NEWEST else None
    return installed(*versions) or lesser or versions[0]


# TOOLS is the Python for tools. NEW is the Python for sessions that need an ansible-core but do not test it.
TOOLS, NEW = installed("3.12", "3.11", "3.13"), python_for(NEWEST)
Test = t.Callable[[nox.Session, str], None]


def for_each_python(test: Test) -> Test:
    """Adds sessions such as units-2.19, which uses the best Python on this machine, and units-2.19-3.12."""
    for core, versions in CORES.items():
        add_sessions(test, core, (python_for(core), *versions.controllers))
    return test


def for_each_core(test: Test) -> Test:
    """Adds sessions such as sanity-2.19."""
    for core in CORES:
        add_sessions(test, core, (python_for(core),))
    return test


def add_sessions(
    test: Test,
    core: str,
    versions: t.Sequence[str],
    kind: str = "core",
    requires: t.Sequence[str] = (),
) -> None:
    """Adds a session for each Python version. The session of the first version has no version in its name.

    A session installs the requirements `core-2.19`, or those of another kind.
    """
    for version in dict.fromkeys(versions):
        name = f"{test.__name__}-{core}"
        name = name if version == versions[0] else f"{name}-{version}"

        def session(session: nox.Session) -> None:
            install_core(session, core, kind)
            test(session, core)

        session.__doc__ = f"{test.__doc__} ansible-core {core}, Python {version}."
        tags = [test.__name__]
        nox.session(name=name, python=version, tags=tags, requires=requires)(session)


def install(session: nox.Session, *names: str) -> None:
    session.install(*(f"--requirement={REQUIREMENTS / name}.txt" for name in names), *QUICKLY)


def install_core(session: nox.Session, core: str, kind: str = "core") -> None:
    install(session, f"{kind}-{core}")
    if core == NEWEST and session.python not in CORES[core].controllers:
        session.warn(f"{' or '.join(CORES[core].controllers)} is missing: an older ansible-core")


@contextlib.contextmanager
def copied() -> t.Iterator[pathlib.Path]:
    """A copy of all files that git tracks or could add. The copy is not inside another tree of collections."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="imds.azure-") as folder:
        tree = pathlib.Path(folder).resolve() / COLLECTION
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file() or (ROOT / name).is_symlink():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name, follow_symlinks=False)
        # ansible-test gets its list of files from git.
        subprocess.run(["git", "init", "--quiet", "--template="], cwd=tree, check=True)
        yield tree


def collections() -> pathlib.Path:
    """A folder in which Ansible finds this repository as the collection imds.azure."""
    if ROOT.parts[-3:] == COLLECTION.parts:
        return ROOT.parents[2]
    link = VENVS / "collections" / COLLECTION
    link.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        # The link is relative, so that it still works after the clone was moved.
        link.symlink_to(os.path.relpath(ROOT, link.parent))
    return VENVS / "collections"


def environment(**more: str | pathlib.Path | None) -> dict[str, str | None]:
    """The environment without variables that could change the behaviour of Ansible or redirect a test to another machine."""
    others = ("ANSIBLE_", "AZURE_", "IDENTITY_", "IMDS_", "MSI_", "PYTHON")
    hidden = [n for n in os.environ if n.startswith(others) or n.lower().endswith("_proxy")]
    own = {"ANSIBLE_HOME": VENVS / "home", "AZURE_IMDS_ENDPOINT": NOBODY, "PYTHONPATH": IMPORTABLE}
    given = {**own, **more}
    shown = {name: None if each is None else str(each) for name, each in given.items()}
    return {**dict.fromkeys(hidden), **shown}


def require(session: nox.Session, **packages: str) -> None:
    try:
        debian.require(packages)
    except debian.Unavailable as problem:
        session.error(str(problem))


@nox.session(python=TOOLS)
def lint(session: nox.Session) -> None:
    """Check style, licences, documentation and the changelog."""
    install(session, "lint")
    documents = ("--plugin-docs", "--check-extra-docs-refs", "--validate-collection-refs=dependent")
    commands = (
        "ruff check --quiet .",
        "ruff format --quiet --check --diff .",
        "yamllint --strict .",
        "reuse lint --lines",
        "lint-imports --no-cache --no-logo",
        # vermin checks that the code needs no newer Python than the oldest one on managed nodes.
        "vermin -q --no-tips --violations -t=3.7- plugins/module_utils plugins/modules",
        "antsibull-changelog lint",
        f"antsibull-docs lint-collection-docs {' '.join(documents)} .",
        "ansible-lint --offline --strict --profile=production --nocolor",
    )
    failed = []
    with copied() as tree:
        where = tree.parents[2]
        env = environment(
            ANSIBLE_COLLECTIONS_PATH=where, PYTHONPATH=f"{IMPORTABLE}{os.pathsep}{where}"
        )
        for command in commands:
            with session.chdir(tree if command.startswith("ansible-lint") else ROOT):
                try:
                    session.run(*command.split(), env=env)
                except nox.command.CommandFailed:
                    failed.append(command.partition(" ")[0])
    if failed:
        session.error(f"failed: {', '.join(failed)}")


@nox.session(python=TOOLS)
def types(session: nox.Session) -> None:
    """Check types with mypy."""
    install(session, "types")
    mypy = ("mypy", f"--config-file={ROOT}/pyproject.toml", f"--cache-dir={VENVS}/mypy-cache")
    env = {"MYPYPATH": f"{collections()}{os.pathsep}{IMPORTABLE}"}
    own = "--package=ansible_collections.imds.azure."
    with session.chdir(collections()):
        session.run(*mypy, f"{own}plugins", f"{own}extensions", env=env)
    # Tests of plugins are not checked, because they deliberately pass values of wrong types.
    typed = "project.py ansible_runs.py guides.py simulated.py tools benchmarks demo faults windows vault.py simulator/imds_simulator unit/simulator"
    folders = ("browser", "diagnose", "fleet", "package", "peers", "pythons", "simulator_guide")
    systems = [f"system/{name}" for name in folders]
    with session.chdir(TESTS):
        session.run(*mypy, *typed.split(), *systems, env=env)


@nox.session(python=NEW)
def docs(session: nox.Session) -> None:
    """Build the documentation site into .venv/site."""
    install(session, "docs")
    build_site(session)


def build_site(session: nox.Session) -> pathlib.Path:
    settings, site, half = ROOT / "docs" / "site", VENVS / "site", VENVS / "site-unfinished"
    for folder in (site, half):
        shutil.rmtree(folder, ignore_errors=True)
    env = environment(ANSIBLE_COLLECTIONS_PATH=collections())
    with tempfile.TemporaryDirectory() as source:
        pathlib.Path(source).chmod(0o755)
        write = ("antsibull-docs", f"--config-file={settings}/antsibull-docs.cfg", "collection")
        options = ("--use-current", "--squash-hierarchy", "--fail-on-error", f"--dest-dir={source}")
        session.run(*ISOLATED, *write, *options, "imds.azure", env=env)
        build = ("sphinx-build", "--quiet", "--fail-on-warning", "--fresh-env")
        where = (
            f"--conf-dir={settings}",
            f"--doctree-dir={VENVS}/site-doctrees",
            source,
            str(half),
        )
        session.run(*ISOLATED, *build, *where, env=env)
    # The site gets its final name only when it is complete.
    return half.rename(site)


@for_each_python
def units(session: nox.Session, _core: str) -> None:
    """Run the unit tests:"""
    session.run(*PYTEST, *(session.posargs or ["--numprocesses=auto"]))


@nox.session(python=NEW)
def coverage(session: nox.Session) -> None:
    """Measure which branches of the plugins the unit tests cover."""
    install(session, f"core-{NEWEST}")
    session.install("pytest-cov", *QUICKLY)
    report = ("--cov=plugins", "--cov-branch", "--cov-report=term-missing:skip-covered")
    env = {"COVERAGE_FILE": f"{VENVS}/coverage"}
    session.run(*PYTEST, "--numprocesses=auto", *report, *session.posargs, env=env)


@for_each_python
def integration(session: nox.Session, core: str) -> None:
    """Run integration targets:"""
    targets = session.posargs or daily_targets(core)
    quick = [name for name in targets if name not in SLOW]
    jobs = [[name] for name in SLOW if name in targets] + [quick[start::4] for start in range(4)]
    # Two jobs at once, because one job does not use a whole processor.
    pool = ThreadPoolExecutor(2)
    try:
        ended = list(pool.map(functools.partial(run_targets, session), filter(None, jobs)))
    finally:
        # After Ctrl-C, no further job begins.
        pool.shutdown(cancel_futures=True)
    failed = [each for each in ended if each]
    if failed:
        session.error(f"failed, with the output above: {', '.join(failed)}")


def daily_targets(core: str) -> list[str]:
    """The default targets: all for the newest ansible-core, and those of the main features for other versions.

    With IMDS_TARGETS=all, each ansible-core has all targets.
    """
    every = sorted(file.parent.name for file in TESTS.glob("integration/targets/*/aliases"))
    if core == NEWEST or os.environ.get("IMDS_TARGETS") == "all":
        return every
    # Before 2.19, Ansible evaluates templates in all texts that are not marked.
    templates = ["access_token", "facts_as_variables", "host_variables"] if core < "2.19" else []
    return ["cloud", "instance_facts", "instances", "metadata", *templates]


def run_targets(session: nox.Session, targets: t.Sequence[str]) -> str:
    """Runs targets and returns their names if they failed. Only then, their whole output is shown, so that parallel jobs don't mix their lines."""
    command = ("ansible-test", "integration", "--local", "--color=no", "--continue-on-error")
    with copied() as tree, tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        # A shell changes the folder, because all threads share the current folder of this process.
        inside = ("sh", "-c", f'cd "{tree}" && exec "$@"', "sh")
        # Each run has its own home, because two runs of ansible-test in one home disturb each other.
        env = {"HOME": str(tree.parents[2])}
        try:
            session.run(*ISOLATED, *inside, *command, *targets, stdout=log, stderr=log, env=env)
        except nox.command.CommandFailed:
            log.seek(0)
            print(log.read(), flush=True)
            return " ".join(targets)
    session.log(f"ok: {' '.join(targets)}")
    return ""


@for_each_core
def sanity(session: nox.Session, core: str) -> None:
    """Run ansible-test's own checks:"""
    home = VENVS / f"home-sanity-{core}"
    ansible_test_home.prepare(home, pathlib.Path(session.virtualenv.location))
    # Only 2.19 compiles and imports the modules with every installed Python, because this takes minutes.
    python = () if core == "2.19" else (f"--python={session.python}",)
    with copied() as tree, session.chdir(tree):
        command = ("ansible-test", "sanity", "--local", "--color=no", *python, *session.posargs)
        session.run(*command, env={"HOME": str(home)})


def test_system(session: nox.Session, *prefix: str, **more: str | pathlib.Path | None) -> None:
    """Runs the tests in the folder of tests/system that has the name of the session, without the ansible-core."""
    env = environment(**{"ANSIBLE_COLLECTIONS_PATH": collections(), **more})
    folder = session.name.partition("-")[0]
    with session.chdir(TESTS / "system"):
        session.run(*ISOLATED, *prefix, *PYTEST, "-rs", folder, *session.posargs, env=env)


@for_each_core
def pythons(session: nox.Session, core: str) -> None:
    """Run the modules on each Python of managed nodes:"""
    if "3.14" in CORES[core].nodes and not installed("3.14"):
        make = ("python", "-m", "pythons.debian_testing")
        session.run(*make, env={"PYTHONPATH": IMPORTABLE}, success_codes=[0, 3])
    test_system(session, IMDS_PYTHONS=" ".join(CORES[core].nodes))


@for_each_core
def diagnose(session: nox.Session, _core: str) -> None:
    """Break networks, and check the reports of the role diagnose (needs root):"""
    require(session, ip="iproute2", nft="nftables", unshare="util-linux", mount="mount")
    # A /run of its own, because `ip netns` keeps names there, and systemd-networkd keeps leases there.
    own_run = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh")
    test_system(session, "--as-root", *own_run, **REAL)


@for_each_core
def peers(session: nox.Session, _core: str) -> None:
    """Test the simulator with other IMDS clients (needs root):"""
    session.run("python", "-m", "peers.root", env={"PYTHONPATH": IMPORTABLE})
    test_system(session, "--as-root", **REAL)


@nox.session(python=NEW)
def fleet(session: nox.Session) -> None:
    """Gather a fleet over SSH: network namespaces with an sshd and an IMDS each (needs root)."""
    install_fleet(session)
    used = VENVS / "fleet-namespaces.txt"
    used.unlink(missing_ok=True)
    try:
        more = {"IMDS_FLEET_COLLECTIONS": collections(), "IMDS_FLEET_REPORT": used}
        test_system(session, "--as-root", **more, **REAL)
    finally:
        session.run("python", "-m", "fleet.leftovers", str(used), env={"PYTHONPATH": IMPORTABLE})


def install_fleet(session: nox.Session) -> None:
    server = {"redis-cli": "redis-server", "redis-server": "redis-server", "ip": "iproute2"}
    require(session, **server, ssh="openssh-client", sshd="openssh-server", setpriv="util-linux")
    install(session, "fleet")
    install_collections(session, "amazon.aws", "community.general")


def install_collections(session: nox.Session, *names: str) -> None:
    """Installs these collections from a package that contains a hundred collections."""
    (target,) = pathlib.Path(session.virtualenv.location).glob("lib/python*/site-packages")
    wanted = tuple(f"ansible_collections/{name.replace('.', '/')}/" for name in names)
    if all((target / name).is_dir() for name in wanted):
        return
    with tempfile.TemporaryDirectory() as downloads:
        pip = ("python", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")
        session.run(*pip, f"--dest={downloads}", f"--requirement={REQUIREMENTS}/collections.txt")
        (wheel,) = pathlib.Path(downloads).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target, [n for n in archive.namelist() if n.startswith(wanted)])


@nox.session(python=NEW)
def windows(session: nox.Session) -> None:
    """Compare the real win_uri with its double, in a real PowerShell (pwsh on PATH, or in the variable PWSH)."""
    if not shutil.which(os.environ.get("PWSH") or "pwsh"):
        session.log("skipped, because pwsh is not on PATH and the variable PWSH does not name it")
        return
    install_core(session, NEWEST)
    install_collections(session, "ansible.windows")
    tree = collections()
    env = environment(ANSIBLE_COLLECTIONS_PATH=tree, PYTHONPATH=f"{IMPORTABLE}{os.pathsep}{tree}")
    session.run("python", "-m", "windows.with_pwsh", *session.posargs, env=env)


@nox.session(python=installed("3.11", "3.12"))
def eda(session: nox.Session) -> None:
    """Run the event source in ansible-rulebook (needs Java 17)."""
    java = shutil.which("java")
    home = os.environ.get("JAVA_HOME") or (java and pathlib.Path(java).resolve().parents[1])
    if not home:
        session.error(
            "ansible-rulebook needs Java 17 (default-jre-headless on Debian), or JAVA_HOME"
        )
    install(session, "eda")
    with tempfile.TemporaryDirectory() as folder:
        install_collection(session, build(session, folder), folder)
        env = environment(ANSIBLE_COLLECTIONS_PATH=folder, JAVA_HOME=home)
        session.run(*PYTEST, "tests/system/eda", *session.posargs, env=env)


@nox.session(python=NEW)
def browser(session: nox.Session) -> None:
    """Test the site and the map of a fleet in a real browser; screenshots go to .venv/screenshots."""
    require(session, chromium="chromium", chromedriver="chromium-driver")
    install(session, "browser", "docs")
    screenshots = VENVS / "screenshots"
    screenshots.mkdir(parents=True, exist_ok=True)
    test_system(session, IMDS_SCREENSHOTS=screenshots, IMDS_SITE=build_site(session))


@nox.session(python=TOOLS)
def package(session: nox.Session) -> None:
    """Build the tarball into .venv/package, check its contents, and check it with galaxy-importer."""
    install(session, "package")
    shutil.rmtree(VENVS / "package", ignore_errors=True)
    env = environment(IMDS_TARBALL=build(session, VENVS / "package"))
    session.run(*PYTEST, "tests/system/package", *session.posargs, env=env)


def smoke(session: nox.Session, _core: str) -> None:
    """Install the tarball in an environment with only requirements.txt, and use it:"""
    (tarball,) = (VENVS / "package").glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as folder:
        install_collection(session, tarball, folder)
        for name in (
            "system/package/smoke.yml",
            "demo/fleet.imds.yml",
            "simulator/imds_simulator/fleet.json",
        ):
            shutil.copy(TESTS / name, folder)
        commands = (
            "ansible-playbook -i hosts.json imds.azure.gather -e imds_snapshot_dir=snapshots",
            "ansible-playbook -i fleet.imds.yml -i hosts.json smoke.yml",
            "ansible-doc --type role imds.azure.guard",
        )
        env = environment(ANSIBLE_COLLECTIONS_PATH=folder, HOME=folder)
        # The simulator runs in the environment that has its libraries. The commands use the programs of this session.
        python = str(VENVS / "envs" / "package" / "bin" / "python")
        session.run(*ISOLATED, python, f"{TESTS}/simulated.py", folder, *commands, env=env)


for oldest_or_newest in (next(iter(CORES)), NEWEST):
    best = (python_for(oldest_or_newest),)
    add_sessions(smoke, oldest_or_newest, best, kind="execution", requires=["package"])


def build(session: nox.Session, folder: str | pathlib.Path) -> pathlib.Path:
    command = ("ansible-galaxy", "collection", "build", f"--output-path={folder}")
    with copied() as tree, session.chdir(tree):
        session.run(*command, env=environment())
    return next(pathlib.Path(folder).glob("*.tar.gz"))


def install_collection(session: nox.Session, tarball: pathlib.Path, folder: str) -> None:
    """Installs and verifies the tarball without any network."""
    env = environment(ANSIBLE_COLLECTIONS_PATH=folder)
    for command in (("install", str(tarball)), ("verify", "imds.azure")):
        where = ("--offline", f"--collections-path={folder}")
        session.run(*ISOLATED, "ansible-galaxy", "collection", *command, *where, env=env)


@nox.session(python=NEW)
def fuzz(session: nox.Session) -> None:
    """Fuzz the parsers of answers and documents; -- SECONDS for each."""
    install(session, "fuzz")
    (seconds,) = session.posargs or ["5"]
    with session.chdir(TESTS):
        for target in ("answers", "bodies", "documents", "files", "texts"):
            fuzzing = ("python", "-m", "fuzz", target, seconds, f"{VENVS}/fuzz-corpus")
            session.run(*fuzzing, env=environment())


@nox.session(python=NEW)
def demo(session: nox.Session) -> None:
    """Show the main features of the collection on simulated virtual machines."""
    install_core(session, NEWEST)
    env = environment(ANSIBLE_COLLECTIONS_PATH=collections())
    session.run("python", "-m", "demo", env=env)


@nox.session(python=NEW)
def simulator(session: nox.Session) -> None:
    """Serve the simulator's sample fleet until Ctrl-C; -- --port 9000 --fleet FILE."""
    install_core(session, NEWEST)
    lab = lay_out_lab()
    session.log(f"to try the README: . {session.virtualenv.location}/bin/activate; cd {lab}")
    serve = ("python", "-m", "imds_simulator", f"--inventory={lab}/hosts.yml")
    session.run(*serve, *session.posargs, env={"PYTHONPATH": IMPORTABLE})


def lay_out_lab() -> pathlib.Path:
    """A folder with the files of the README, and with settings that let its commands use the simulator."""
    lab = VENVS / "lab"
    shutil.copytree(ROOT / "examples" / "readme", lab, dirs_exist_ok=True)
    settings = (TESTS / "demo" / "ansible.cfg").read_text(encoding="utf-8")
    found = f"collections_path = {collections()}"
    settings = settings.replace("collections_path = collections", found)
    (lab / "ansible.cfg").write_text(settings, encoding="utf-8")
    return lab


@nox.session(python=NEW)
def simulator_guide(session: nox.Session) -> None:
    """Run the guide to the simulator as a new user does, with packages from pip."""
    session.install("pytest", *QUICKLY)
    session.run(*PYTEST, "tests/system/simulator_guide", *session.posargs, env=environment())


@nox.session(python=NEW)
def benchmark(session: nox.Session) -> None:
    """Measure the collection against similar tools, in 45 minutes (needs root); -- PARTS --runs 7."""
    install_fleet(session)
    env = environment(**{"ANSIBLE_COLLECTIONS_PATH": collections(), **REAL})
    session.run("python", "-m", "benchmarks", *session.posargs, env=env)


@nox.session(python=TOOLS)
def changelog(session: nox.Session) -> None:
    """Write the release notes of the version in galaxy.yml, from the fragments."""
    install(session, "lint")
    session.run("antsibull-changelog", "release", *session.posargs)
