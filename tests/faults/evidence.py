# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests of the guide that are not about faulty answers: what they try, the result, and the files that have them."""

from __future__ import annotations

import typing as t


class Trial(t.NamedTuple):
    tried: str
    result: str
    # Files, and a text in each that the test of the guide searches for.
    where: tuple[tuple[str, str], ...]


_UNIT = "tests/unit"
_UTILS = "tests/unit/plugins/module_utils"
_TARGET = "tests/integration/targets/faults/files"
_ROUTES = "tests/unit/plugins/plugin_utils/_lookup/test_routes.py"
_CACHE = "tests/unit/plugins/plugin_utils/_lookup/test_run_cache.py"
_LOOKUP = "tests/unit/plugins/lookup/test_metadata.py"
_FAULTS = "tests/unit/test_faults.py"
_FUZZ = "tests/fuzz/targets.py"

NETWORK = (
    Trial(
        "Nothing listens at the endpoint",
        "``connection refused``, within the deadline and after 15 seconds at most",
        (
            (f"{_TARGET}/matrix.py", "NOBODY"),
            (f"{_UTILS}/test__retry.py", "test_a_call_that_is_refused_ends_after_15_seconds"),
        ),
    ),
    Trial(
        "There is no route to the endpoint",
        "``the network is unreachable``, within the deadline and after 15 seconds at most",
        ((f"{_TARGET}/matrix.py", "without_a_network"),),
    ),
    Trial(
        "A proxy in every variable that any HTTP library reads",
        "The right answer, and no request to the proxy",
        (
            (f"{_TARGET}/matrix.py", "PROXY_VARIABLES"),
            (f"{_UTILS}/test__transport.py", "test_proxies_of_the_environment_get_no_request"),
        ),
    ),
    Trial(
        "IMDS is updated for 70 seconds (410)",
        "The right answer with the defaults",
        ((_FAULTS, "test_an_update_of_70_seconds_is_survived_with_the_defaults"),),
    ),
    Trial(
        "24 processes of one VM send requests at once, and IMDS answers 5 a second",
        "The right answer for each process",
        (
            (_FAULTS, "test_24_processes_at_once_all_get_their_answer"),
            (_FAULTS, "test_any_number_of_processes_within_the_deadline"),
            (f"{_TARGET}/matrix.py", "CROWD"),
        ),
    ),
)
CACHE = (
    Trial(
        "50 forks that start together",
        "One request, and the right answer for all",
        (
            (_CACHE, "test_fifty_processes_send_one_request"),
            (f"{_TARGET}/cache.py", "two_runs_at_once"),
        ),
    ),
    Trial(
        "Two runs at once",
        "One request each; they share nothing",
        ((f"{_TARGET}/cache.py", "two_runs_at_once"),),
    ),
    Trial(
        "A run is killed during its request, or a process is killed while it writes the document",
        "No process reads a partial document, and none waits for the killed process",
        (
            (f"{_TARGET}/cache.py", "killed"),
            (_CACHE, "test_a_holder_killed_during_a_write_leaves_no_partial_file"),
            (_CACHE, "test_a_killed_holder_frees_the_lock"),
        ),
    ),
    Trial(
        "A process is stopped (SIGSTOP) during its request",
        "The others wait no longer than their deadline, and a message names the stopped process",
        (
            (_CACHE, "test_a_stopped_holder_blocks_no_longer_than_the_deadline"),
            (_CACHE, "test_the_wait_counts_towards_the_deadline"),
        ),
    ),
    Trial(
        "A full temporary folder, and one that has become read-only",
        "The right answer, with a request for each host",
        ((f"{_TARGET}/cache.py", "full_folder"), (f"{_TARGET}/cache.py", "read_only_folder")),
    ),
    Trial(
        "A request fails",
        "All lookups that waited for it fail as well; later lookups send a new request",
        (
            (_CACHE, "test_waiting_callers_share_a_failure"),
            (_CACHE, "test_later_callers_try_again_after_a_failure"),
        ),
    ),
    Trial(
        "Permissions of the kept document",
        "Mode 0600 in a folder of mode 0700; both are removed when the run ends",
        (
            (_CACHE, "test_only_the_user_can_read_the_files"),
            (f"{_TARGET}/cached.yml", "-perm /077"),
            (f"{_TARGET}/matrix.py", "the runs left"),
        ),
    ),
    Trial(
        "User data, during the run and after the run was killed",
        "In no file, unless a lookup requested it",
        (
            (_LOOKUP, "test_user_data_is_stored_only_if_a_lookup_requests_it"),
            ("tests/integration/targets/metadata/tasks/main.yml", "A run that is killed"),
        ),
    ),
    Trial(
        "Tokens",
        "No file ever contains a token",
        (("tests/integration/targets/access_token_secrecy/files/secrecy.py", "searched"),),
    ),
)
HOSTILE = (
    Trial(
        "Jinja in every text of a document, in names and in values",
        "They stay text; no template runs",
        ((f"{_TARGET}/hostile.py", "templates"), (f"{_TARGET}/hostile.yml", "compute == document")),
    ),
    Trial(
        "Tags named like paths, YAML tags, variables that Ansible reserves, or lines of its output",
        "They stay text in ``tags``, and the names of groups are valid",
        ((f"{_TARGET}/hostile.py", "def tags"), (f"{_TARGET}/hostile.py", "problems_of_names")),
    ),
    Trial(
        "Tags and keys that begin with ``__ansible_``, to which Ansible gives a special meaning",
        "Left out at any depth; a warning names the tags, and ``tagsList`` has them",
        (
            ("tests/integration/targets/gather/tasks/marked.yml", "__ansible_vault"),
            (f"{_UTILS}/test__document.py", "test_marks_and_lone_surrogates_are_removed"),
        ),
    ),
    Trial(
        "A lone surrogate (half of a UTF-16 pair), which can't be encoded as UTF-8",
        "U+FFFD in its place",
        (("tests/integration/targets/gather/tasks/marked.yml", "\\ud83d"),),
    ),
    Trial(
        "Terminal escape sequences in tags, names, messages and headers",
        "Always escaped before they are written to a terminal",
        ((f"{_TARGET}/hostile.py", "on_a_terminal"),),
    ),
    Trial(
        "50 tags of 256 characters, and a document of 4 MiB",
        "Read completely",
        ((f"{_TARGET}/hostile.py", "4_190_000"), (f"{_TARGET}/hostile.py", "range(50)")),
    ),
    Trial(
        "VMs named like groups, ``all``, ``ungrouped`` or ``localhost``",
        "Each VM is a host with a unique name",
        (
            (f"{_TARGET}/hostile.py", "COLLIDING"),
            (
                f"{_UNIT}/plugins/plugin_utils/_inventory/test_vms.py",
                "test_no_vm_has_the_name_of_a_group",
            ),
        ),
    ),
)
ANYTHING = (
    Trial(
        "Lookups with the run's document, and lookups with a request of their own",
        "Equal results for every route of any document",
        (
            (
                _ROUTES,
                "test_cached_and_direct_lookups_agree_on_any_document",
            ),
            (
                _ROUTES,
                "test_cached_and_direct_lookups_agree_on_every_route",
            ),
        ),
    ),
    Trial(
        "Conversion of values to their types",
        "Never an error, and no missing key",
        ((f"{_UTILS}/test__document.py", "test_type_conversion_never_raises_and_keeps_all_keys"),),
    ),
    Trial(
        "Hosts and groups",
        "Every document becomes a host; names of groups are valid",
        (
            (
                f"{_UNIT}/plugins/plugin_utils/_inventory/test_vms.py",
                "test_every_document_becomes_a_host",
            ),
            (
                f"{_UNIT}/plugins/plugin_utils/_inventory/test_groups.py",
                "test_every_name_is_valid_and_differs_from_parents",
            ),
        ),
    ),
    Trial(
        "Any combination of API versions that the client knows, IMDS accepts and IMDS lists",
        "The negotiation ends after five requests at most",
        (
            (
                f"{_UTILS}/test__client.py",
                "test_negotiation_ends_with_any_known_offered_and_listed_versions",
            ),
        ),
    ),
    Trial(
        "Coverage-guided fuzzing of HTTP answers, bodies, files of documents, older snapshots and cached texts",
        "An answer or one message",
        (
            (_FUZZ, "def answers"),
            (_FUZZ, "def bodies"),
            (_FUZZ, "def documents"),
            (_FUZZ, "def files"),
            (_FUZZ, "def texts"),
        ),
    ),
)
SECTIONS = {
    "The network": NETWORK,
    "The document that the lookups of a run share": CACHE,
    "Hostile values": HOSTILE,
    "Arbitrary data": ANYTHING,
}

__all__ = ("SECTIONS", "Trial")
