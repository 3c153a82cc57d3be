"""Who belongs to one service, by command lines and on real families."""

from __future__ import annotations

import os

import pytest
from kernel_victims import Start, until

from spindoctor.probe.descriptors import read_descriptors
from spindoctor.probe.family import find_family
from spindoctor.probe.kin import Kinsman, group_families, helper_of, made_by, program_of, role_of
from spindoctor.probe.processes import read_process

PYTHON = "/usr/bin/python3.12"
SPAWN = (PYTHON, "-c", "from multiprocessing.spawn import spawn_main; spawn_main(7)", "--multiprocessing-fork")
TRACKER = (PYTHON, "-B", "-c", "from multiprocessing.resource_tracker import main;main(6)")
SERVER = (PYTHON, "-c", "from multiprocessing.forkserver import main; main(6, 8, ['__main__'])")


def kin(pid: int, parent: int, *command: str, executable: str = PYTHON) -> Kinsman:
    return Kinsman(pid, parent, command, executable)


def families(*kinsmen: Kinsman) -> dict[int, list[int]]:
    return group_families({one.pid: one for one in kinsmen})


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ((PYTHON, "-m", "uvicorn", "app:app"), "uvicorn"),
        ((PYTHON, "-X", "dev", "-u", "/srv/venv/bin/uvicorn", "app:app"), "uvicorn"),
        (("/srv/venv/bin/gunicorn", "app"), "gunicorn"),
        (("gunicorn: master [shop]",), "gunicorn"),
        (("[celeryd: celery@a:ForkPoolWorker-1]",), "celery"),
        ((PYTHON, "-m", "http.server"), "http"),
        (("python", "main.py"), "main"),
        ((PYTHON, "-c", "pass"), ""),
        ((PYTHON,), ""),
        ((), ""),
    ],
)
def test_the_program_is_the_module_the_script_or_the_title(command: tuple[str, ...], program: str) -> None:
    assert program_of(command) == program


def test_multiprocessing_children_are_known_by_their_code() -> None:
    assert [helper_of(one) for one in (SPAWN, TRACKER, SERVER)] == ["spawn", "tracker", "forkserver"]
    later = "import sys; from multiprocessing.forkserver import main; main(3, 5, ['__main__'])"
    assert helper_of((PYTHON, "-c", later)) == "forkserver"
    assert helper_of((PYTHON, "-c", "print('from multiprocessing.spawn import spawn_main')")) is None


def test_uvicorns_workers_and_tracker_are_one_family() -> None:
    leader = kin(10, 1, PYTHON, "-m", "uvicorn", "app:app", "--workers", "2")
    workers = [kin(12, 10, *SPAWN), kin(13, 10, *SPAWN)]
    tracker = kin(11, 10, *TRACKER)

    assert families(leader, tracker, *workers) == {10: [10, 11, 12, 13]}
    assert [role_of(10, one, leader) for one in (leader, tracker, *workers)] == [
        "leader", "relative", "worker", "worker",
    ]  # fmt: skip
    assert made_by(leader, workers, (), has_tornado=False) == "uvicorn"


def test_what_a_fork_server_forks_is_a_worker_and_the_server_is_not() -> None:
    leader, server, worker = kin(10, 1, PYTHON, "job.py"), kin(11, 10, *SERVER), kin(12, 11, *SERVER)

    assert families(leader, server, worker) == {10: [10, 11, 12]}
    assert role_of(10, server, leader) == "relative"
    assert role_of(10, worker, server) == "worker"
    assert made_by(leader, [worker], (), has_tornado=False) == "multiprocessing"


def test_titles_of_master_and_workers_make_a_family() -> None:
    master = kin(10, 1, "gunicorn: master [shop]")

    assert families(master, kin(11, 10, "gunicorn: worker [shop]")) == {10: [10, 11]}


def test_a_reloader_and_its_child_are_one_family_though_the_child_names_its_python_otherwise() -> None:
    parent = kin(10, 1, "python3", "/venv/bin/flask", "run")
    child = kin(11, 10, PYTHON, "/venv/bin/flask", "run")

    assert families(parent, child) == {10: [10, 11]}
    assert made_by(parent, [child], ("PATH", "WERKZEUG_RUN_MAIN"), has_tornado=False) == "werkzeug-reload"


def test_a_supervisor_written_in_python_is_no_kin_of_what_it_starts() -> None:
    supervisor = kin(10, 1, PYTHON, "/usr/bin/supervisord", "-n")

    assert families(supervisor, kin(11, 10, PYTHON, "app.py"), kin(12, 10, PYTHON, "app.py")) == {
        10: [10], 11: [11], 12: [12],
    }  # fmt: skip


def test_the_same_arguments_to_another_python_are_another_service() -> None:
    assert families(kin(10, 1, "python", "a.py"), kin(11, 10, "python", "a.py", executable="/opt/python3.8")) == {
        10: [10],
        11: [11],
    }


def test_parents_that_go_in_a_circle_end() -> None:
    """Pids can be used again between two readings."""
    assert sum(map(len, families(kin(10, 11, "python", "a.py"), kin(11, 10, "python", "a.py")).values())) == 2


@pytest.mark.parametrize(
    ("command", "has_tornado", "expected"),
    [
        (("python", "server.py"), True, "tornado"),
        (("python", "server.py"), False, "fork"),
        (("gunicorn: master [x]",), True, "gunicorn"),
        (("python", "-m", "uvicorn", "a:b", "--reload"), False, "uvicorn-reload"),
    ],
)
def test_how_forked_workers_came_to_be(command: tuple[str, ...], has_tornado: object, expected: str) -> None:
    leader = kin(10, 1, *command)

    assert made_by(leader, [kin(11, 10, *command)], (), has_tornado=bool(has_tornado)) == expected
    assert made_by(leader, [], (), has_tornado=bool(has_tornado)) == "single"


FORKS = """
import os, signal, socket, sys
server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()
parent = os.getpid()
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    signal.alarm(60)
    os.write(writing, b"x")
    while os.getppid() == parent:
        pass
    os._exit(0)
os.read(reading, 1)
print(child, server.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.mark.live
def test_a_fork_is_found_from_both_ends_with_the_hot_one_and_the_port(start: Start) -> None:
    victim = start(FORKS)
    child, port = map(int, victim.words)

    for asked in (victim.pid, child):
        target = find_family(asked)
        assert (target.leader, target.hot, target.made_by) == (victim.pid, child, "fork")
        assert [(one.pid, one.role) for one in target.processes] == [(victim.pid, "leader"), (child, "worker")]
        assert target.ports == (port,)
    assert port in {int(one.socket.local.split(":")[1]) for one in read_descriptors(child).descriptors if one.socket}


ORPHANS = """
import os, socket, sys
server = socket.create_server(("127.0.0.1", 0))
children = []
for _ in range(2):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        sys.stdin.read()  # ends with the test, which closes the pipe
        os._exit(0)
    children.append(child)
print(*children, flush=True)
os._exit(0)
"""


@pytest.mark.live
def test_workers_whose_master_has_ended_are_one_family_by_their_socket(start: Start) -> None:
    master = start(ORPHANS)
    first, second = map(int, master.words)
    assert until(lambda: master.pid not in {read_process(one).parent_pid for one in (first, second)})

    for asked in (first, second):
        target = find_family(asked, interval_s=0)
        assert target.leader == min(first, second)
        assert {one.pid for one in target.processes} == {first, second}


@pytest.mark.live
def test_a_process_that_a_python_of_another_program_started_is_alone(start: Start) -> None:
    victim = start("import sys; print('ready', flush=True); sys.stdin.read()")

    target = find_family(victim.pid, interval_s=0)

    assert (target.leader, target.hot, target.made_by, target.ports) == (victim.pid, victim.pid, "single", ())
    assert os.getpid() not in {one.pid for one in target.processes}
