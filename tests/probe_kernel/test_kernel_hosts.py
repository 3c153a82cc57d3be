"""The host at a glance, which process the user means, and the command that gives the right to look."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest
from kernel_victims import AsNobody, Start

from spindoctor.errors import DoctorError, ExitCode
from spindoctor.model.survey import ProcessLoad, ServiceUse, ThreadLoad
from spindoctor.probe import find
from spindoctor.probe.family import read_stats
from spindoctor.probe.find import by_name, by_port, hottest, match_names
from spindoctor.probe.hosts import running, survey, without_us
from spindoctor.probe.kin import Kinsman
from spindoctor.probe.permission import Situation, advise, hint_for, is_on_disk, own_arguments

BURNS = """
import socket, sys, threading
server = socket.create_server(("127.0.0.1", 0))
def burn():
    while True:
        pass
threading.Thread(target=burn, daemon=True).start()
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""
WAITS = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


def load(pid: int, cores: float, *threads: ThreadLoad) -> ProcessLoad:
    return ProcessLoad(pid, "leader", ("python",), "root", cores, 100.0, 50.0, 10, 7, threads)


def test_half_of_two_cores_is_one_whole_core_of_one_thread() -> None:
    thread = ThreadLoad(7, "python", cores=0.99, cpu_s=97.0, age_s=100.0)
    service = ServiceUse(7, "uvicorn", "single", (load(7, 1.0, thread),), machine_cores=2, quota_cores=4.0)

    assert (service.cores, service.machine_share, service.quota_share) == (1.0, 0.5, 0.25)
    assert service.pegged == ((7, thread),)
    assert thread.pegged_for_s == 100.0


def test_how_long_a_thread_is_pegged_is_not_invented() -> None:
    lately = ThreadLoad(7, "python", cores=0.99, cpu_s=40.0, age_s=100.0)
    no_longer = ThreadLoad(8, "python", cores=0.2, cpu_s=99.0, age_s=100.0)

    assert (lately.is_pegged, lately.pegged_for_s) == (True, None)
    assert (no_longer.is_pegged, no_longer.pegged_for_s) == (False, None)


def test_the_hottest_of_idle_processes_is_the_one_that_used_most() -> None:
    quiet = ProcessLoad(1, "leader", (), "", 0.0, 5.0, 9.0, 0, 1)
    worker = ProcessLoad(2, "worker", (), "", 0.0, 6.0, 9.0, 0, 1)

    assert ServiceUse(1, "x", "fork", (quiet, worker), 2).hottest.pid == 2


@pytest.mark.live
def test_a_burning_service_is_first_with_its_pegged_thread_and_port(start: Start) -> None:
    idle, busy = start(WAITS), start(BURNS)

    found = survey(0.5)

    leaders = [one.leader for one in found.services]
    service = found.services[leaders.index(busy.pid)]
    (process,) = service.processes
    assert leaders.index(busy.pid) < leaders.index(idle.pid)
    assert os.getpid() not in leaders
    assert service.ports == (int(busy.words[0]),)
    assert 0.3 < service.cores < 1.3
    assert process.threads[0].tid != busy.pid
    assert process.threads[0].cores > 0.3
    assert found.services[leaders.index(idle.pid)].processes[0].threads == ()
    assert found.processes >= 2


@pytest.mark.live
def test_the_shell_can_offer_processes_without_a_measurement(start: Start) -> None:
    busy = start(BURNS)

    found = running()

    assert found[busy.pid]
    assert os.getpid() not in found


@pytest.mark.live
def test_an_ordinary_user_sees_the_load_of_others_and_how_many_are_hidden(start: Start, as_nobody: AsNobody) -> None:
    busy = start(BURNS)

    def attempt() -> str:
        found = survey(0.3)
        service = next(one for one in found.services if one.leader == busy.pid)
        return f"{service.cores > 0.3} {service.processes[0].is_readable} {service.ports} {found.hidden > 0}"

    assert as_nobody(attempt) == "True False () True"


@pytest.mark.live
def test_the_hottest_is_the_process_that_burns(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among two of ours: the machine may run others that burn."""
    idle, busy = start(WAITS), start(BURNS)
    monkeypatch.setattr(find, "read_stats", lambda: read_stats([idle.pid, busy.pid]))

    assert hottest(0.2) == busy.pid


@pytest.mark.live
def test_a_port_leads_to_its_service(start: Start) -> None:
    victim = start(WAITS)

    assert by_port(int(victim.words[0])) == victim.pid


@pytest.mark.live
def test_a_port_of_no_process_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(DoctorError, match=f"No process listens on TCP port {port}") as failure:
        by_port(port)
    assert failure.value.exit_code == ExitCode.COULD_NOT_LOOK


@pytest.mark.live
def test_a_port_of_another_program_is_said_with_its_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        sleep = subprocess.Popen(["sleep", "60"], pass_fds=[server.fileno()])

    try:
        with pytest.raises(DoctorError, match=rf"no Python process but to sleep 60 \(pid {sleep.pid}\)"):
            by_port(port)
    finally:
        sleep.kill()
        sleep.wait()


@pytest.mark.live
def test_a_name_leads_to_its_service_and_several_are_listed(start: Start) -> None:
    first, second = start(WAITS, "--shop=zebra"), start(WAITS, "--shop=zebu")

    assert by_name("SHOP=ZEBRA") == first.pid
    assert by_name(r"shop=z\w+u\b") == second.pid
    with pytest.raises(DoctorError, match="2 services match 'shop=zeb'") as failure:
        by_name("shop=zeb")
    assert failure.value.exit_code == ExitCode.USAGE
    assert str(first.pid) in failure.value.problem
    assert str(second.pid) in failure.value.problem


@pytest.mark.live
def test_a_name_of_nobody_is_said() -> None:
    with pytest.raises(DoctorError, match="No Python process has a command line that matches"):
        by_name("no such service anywhere")


def test_a_pattern_that_is_no_regular_expression_is_plain_text() -> None:
    commands = {1: ("python", "app(1).py"), 2: ("python", "app.py")}

    assert match_names("APP(", commands) == {1}
    assert match_names("app.py", commands) == {2}


def situation(**given: object) -> Situation:
    facts: dict[str, object] = {
        "pid": 12, "uid": 1000, "target_uid": 0, "has_ptrace": False, "host": "web-1", "command": "/opt/bin/spindoctor",
    }  # fmt: skip
    return Situation(**(facts | given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "command"),
    [
        ({}, "sudo /opt/bin/spindoctor diagnose 12"),
        ({"target_uid": 1000, "yama": 1}, "sudo /opt/bin/spindoctor diagnose 12"),
        ({"container": "docker", "has_sudo": False}, "docker exec -it -u 0 web-1 /opt/bin/spindoctor diagnose 12"),
        (
            {"container": "docker", "can_gain_ptrace": False},
            "docker exec -it -u 0 web-1 /opt/bin/spindoctor diagnose 12",
        ),
        (
            {"container": "podman", "can_gain_ptrace": False, "target_uid": 1000},
            "podman run --rm -it --pid=container:web-1 --cap-add=SYS_PTRACE",
        ),
        ({"container": "kubernetes", "can_gain_ptrace": False}, "kubectl debug -it web-1 --profile=general"),
        ({"can_gain_ptrace": False}, "on the host"),
        ({"has_ptrace": True, "uid": 0, "yama": 3}, "kernel.yama.ptrace_scope = 1"),
        ({"has_ptrace": True, "uid": 0, "is_denied_by_selinux": True}, "sudo setsebool deny_ptrace 0"),
        ({"has_ptrace": True, "uid": 0}, "sudo dmesg"),
    ],
)
def test_the_hint_is_the_command_for_this_environment(given: dict[str, object], command: str) -> None:
    assert command in advise(situation(**given))


def test_the_hint_says_why() -> None:
    assert "belongs to user 0, and we run as 1000" in advise(situation())
    assert "kernel.yama.ptrace_scope is 1" in advise(situation(target_uid=1000, yama=1))


def test_a_hint_is_given_for_any_pid() -> None:
    assert hint_for(4_194_305)


def test_a_machine_made_from_a_containers_image_is_no_container() -> None:
    assert is_on_disk("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n")
    assert not is_on_disk("500 400 0:60 / / rw,relatime - overlay overlay rw,lowerdir=/a\n")
    assert not is_on_disk("71 46 254:0 /var/lib/docker/vfs/dir/e18f / rw,relatime master:1 - ext4 /dev/vda rw\n")
    assert not is_on_disk("")


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        (["dump", "12", "--locals"], "dump 12 --locals"),
        (["record", "-o", "a b.html"], "record -o 'a b.html' 12"),
        (["top", "--port", "8000", "--once"], "top --port 8000 --once"),
        (["--debug"], "diagnose 12"),
        ([], "diagnose 12"),
    ],
)
def test_the_hint_repeats_the_command_that_was_typed(
    typed: list[str], again: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/opt/bin/spindoctor", *typed])

    assert advise(situation(arguments=own_arguments(12))).endswith(f"sudo /opt/bin/spindoctor {again}")


def test_our_own_runs_are_no_service() -> None:
    found = {
        1: Kinsman(1, 0, ("/venv/bin/python", "/venv/bin/spindoctor", "top"), "/usr/bin/python3"),
        2: Kinsman(2, 0, ("/venv/bin/python", "app.py"), "/usr/bin/python3"),
    }

    assert set(without_us(found)) == {2}
