"""Whose code a frame is, by its path alone."""

from __future__ import annotations

import pytest
from recordings import library, user

from spindoctor.evidence.origin import library_frame, place, user_frame
from spindoctor.model.frames import Frame
from spindoctor.model.origin import is_user

USERS = {
    "an absolute path": "/srv/app/main.py",
    "a relative path, as Python 3.8 keeps for a script": "app.py",
    "a relative path in a folder": "./service/handlers.py",
    "an editable install": "/home/dev/src/mylib/src/mylib/client.py",
    "a project whose name has python in it": "/srv/python3-service/app.py",
    "a project below a folder named lib": "/srv/lib/billing/app.py",
    "a zip application": "/srv/service.pyz/handlers.py",
    "a script in a folder of tools": "/opt/tools/site-packages.py",
    "a container's root": "/app/main.py",
}

LIBRARIES = {
    "a venv inside the working directory": "/srv/app/.venv/lib/python3.12/site-packages/anyio/_core.py",
    "a relative venv, as Python 3.8 keeps it": ".venv/lib/python3.8/site-packages/tornado/web.py",
    "Debian's packages": "/usr/lib/python3/dist-packages/yaml/__init__.py",
    "Debian's local packages": "/usr/local/lib/python3.11/dist-packages/flask/app.py",
    "a user's packages": "/home/www/.local/lib/python3.11/site-packages/attr/_make.py",
    "the standard library": "/usr/lib/python3.12/asyncio/base_events.py",
    "the standard library below lib64": "/usr/lib64/python3.9/selectors.py",
    "pyenv": "/home/www/.pyenv/versions/3.11.4/lib/python3.11/threading.py",
    "conda": "/opt/conda/envs/web/lib/python3.10/socket.py",
    "a free-threaded build": "/usr/local/lib/python3.13t/queue.py",
    "the standard library in a zip": "/usr/lib/python312.zip/json/decoder.py",
    "frozen modules": "<frozen importlib._bootstrap>",
    "an egg": "/srv/venv/lib/python3.8/site-packages/old-1.0-py3.8.egg/old/core.py",
    "a bare install below a target folder": "/opt/python/site-packages/requests/api.py",
}

NOBODYS = ["<string>", "<attrs generated init app.Model>", "<class 'net.argmap'> compilation 25", "<stdin>", ""]


@pytest.mark.parametrize("why", USERS)
def test_the_users_code(why: str) -> None:
    assert is_user(Frame("f", USERS[why], 1))


@pytest.mark.parametrize("why", LIBRARIES)
def test_installed_code(why: str) -> None:
    assert not is_user(Frame("f", LIBRARIES[why], 1))


@pytest.mark.parametrize("file", NOBODYS)
def test_what_was_compiled_at_run_time_is_in_nobodys_file(file: str) -> None:
    assert not is_user(Frame("f", file, 1))


def test_the_users_innermost_frame_is_the_one_to_look_at() -> None:
    assert user_frame((library("recv"), user("ask"), user("handler"), library("run"))) == user("ask")


def test_a_module_or_a_script_only_starts_things() -> None:
    module, script = user("<module>"), user("main", file="/srv/venv/bin/serve")

    assert user_frame((module, user("handler"), script)) == user("handler")
    assert user_frame((library("run"), module)) == module
    assert user_frame((library("run"), script)) == script
    assert user_frame((library("run"),)) is None


def test_a_console_script_that_called_a_library_is_no_place_to_look_at() -> None:
    console = user("<module>", file="/srv/venv/bin/gunicorn")

    assert user_frame((library("run"), console)) is None
    assert user_frame((console,)) == console


def test_the_library_frame_is_what_the_users_line_called() -> None:
    recv, request = library("recv"), library("request")

    assert library_frame((recv, request, user("ask"), library("run"))) == request
    assert library_frame((user("ask"), library("run"))) is None


def test_without_a_user_frame_it_is_the_outermost() -> None:
    assert library_frame((library("recv"), library("run"))) == library("run")


def test_a_place_is_written_as_people_write_it() -> None:
    assert place(user("ask", 12)) == "ask (/srv/app.py:12)"


def test_a_function_without_a_file_is_the_users_where_no_other_is() -> None:
    """`handler` was typed in or run by `exec`; `__init__` a dataclass made for itself."""
    handler, made = Frame("handler", "<string>", 3), Frame("Point.__init__", "<string>", 2)
    cell = Frame("handler", "<ipython-input-3-abc>", 3)

    assert user_frame((made, library("call", 5), handler, Frame("<module>", "<string>", 9))) == handler
    assert user_frame((library("call", 5), cell)) == cell
    assert user_frame((made, user("view", 7), handler)) == user("view", 7)
    assert user_frame((library("call", 5), made)) is None
    assert user_frame((library("call", 5), Frame("render", "<template>", 3))) is None


def test_what_was_executed_comes_before_the_script_that_executed_it() -> None:
    handler = Frame("handler", "<string>", 3)

    assert user_frame((library("call", 5), handler, Frame("<module>", "/srv/run.py", 1))) == handler


def test_what_lies_below_the_fork_of_a_child_is_its_parents() -> None:
    launch = Frame("Popen._launch", "/usr/lib/python3.12/multiprocessing/popen_fork.py", 71)
    worker = Frame("_process_worker", "/usr/lib/python3.12/concurrent/futures/process.py", 239)
    feeder, job = Frame("feeder", "/srv/app/feed.py", 9), Frame("job", "/srv/app/jobs.py", 4)

    assert user_frame((worker, launch, feeder)) is None
    assert user_frame((job, worker, launch, feeder)) == job


COMPILED = {
    "a package's": ("acme.wire.codec.Socket.recv", "/srv/app/acme/wire/codec.py"),
    "a package's with its source's own name": ("acme.codec.recv", "acme/codec.pyx"),
    "a module's": ("codec.recv", "/build/src/codec.pyx"),
}
OWN = {
    "a class that is called as its module is": ("Job.run", "/srv/app/Job.py"),
    "a method in another module": ("acme.codec", "/srv/app/acme/codec.py"),
    "a function within a function": ("codec.<locals>.recv", "/srv/app/acme/codec.py"),
    "a module of that name elsewhere": ("acme.codec.recv", "/srv/app/tests/codec.py"),
}


@pytest.mark.parametrize("name", COMPILED)
def test_a_frame_that_stands_for_a_compiled_module_in_a_traceback_is_nobodys_code(name: str) -> None:
    """Cython's bear the module's whole name, and its source's path from where it was built."""
    function, file = COMPILED[name]

    assert not is_user(Frame(function, file, 186))


@pytest.mark.parametrize("name", OWN)
def test_a_function_of_pythons_never_bears_its_modules_name(name: str) -> None:
    function, file = OWN[name]

    assert is_user(Frame(function, file, 12))
