# test_placement.py
import subprocess

import pytest
from imds_simulator import Vm

DOCUMENT = {"compute": {"name": "web-0", "zone": "2"}, "network": {"interface": []}}


@pytest.fixture
def run(imds_simulator, tmp_path):
    """Runs the role on a VM, with a preset."""

    def run(preset=None):
        vm = Vm("web-0", DOCUMENT, preset=preset)
        imds_simulator([vm]).write_inventory(tmp_path / "hosts.yml")
        command = ["ansible-playbook", "-i", f"{tmp_path}/hosts.yml", "site.yml"]
        command += ["-e", f"placement_file={tmp_path}/placement"]
        return vm, subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("preset", [None, "throttled"])
def test_writes_the_zone(run, tmp_path, preset):
    vm, done = run(preset)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "placement").read_text() == "zone 2\n"
    assert vm.requests[0].path == "/metadata/instance"


def test_fails_in_a_container(run, tmp_path):
    _vm, done = run("docker-desktop")
    assert done.returncode == 2
    assert "IMDS can't be reached" in done.stdout
    assert not (tmp_path / "placement").exists()
