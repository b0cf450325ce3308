# test_zone.py
import json
import urllib.request

from imds_simulator import Fault, Simulator, Vm

DOCUMENT = {"compute": {"name": "web-0", "zone": "1"}}


def zone(url):
    """The program under test, in short."""
    request = urllib.request.Request(
        f"{url}/metadata/instance?api-version=2025-04-07", headers={"Metadata": "true"}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["compute"]["zone"]
    except OSError:
        return None


def test_sends_one_request():
    with Simulator([Vm("web-0", DOCUMENT)]) as simulator:
        assert zone(simulator["web-0"].url) == "1"
        assert [request.path for request in simulator["web-0"].requests] == ["/metadata/instance"]


def test_returns_none_if_the_service_is_busy():
    with Simulator([Vm("web-0", DOCUMENT, faults=[Fault("status", status=429)])]) as simulator:
        assert zone(simulator["web-0"].url) is None
