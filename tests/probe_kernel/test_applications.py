"""A service that was installed like a library is told from the libraries by what its command line starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spindoctor.probe.applications import installed_modules, own_folders
from spindoctor.probe.root import TargetRoot

LIBRARIES = "lib/python3.12/site-packages"


class Venv:
    """A virtual environment with `shop`, its server `serve` and what both need, `core`."""

    def __init__(self, folder: Path) -> None:
        """Make it below a folder."""
        self.folder = folder
        for name, needs in (("shop", ["core"]), ("serve", ["core"]), ("core", []), ("green", [])):
            self.install(name, needs)
        self.requires("serve", 'green; extra == "green"')

    def install(self, name: str, needs: list[str]) -> None:
        info = self.folder / LIBRARIES / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", *(f"Requires-Dist: {one} >= 1" for one in needs), ""]
        (info / "METADATA").write_text("\n".join(lines))

    def requires(self, name: str, what: str) -> None:
        with (self.folder / LIBRARIES / f"{name}-1.0.dist-info/METADATA").open("a") as file:
            file.write(f"Requires-Dist: {what}\n")

    def script(self, name: str, text: str) -> str:
        place = self.folder / "bin" / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
        return str(place)

    def file(self, name: str) -> str:
        return f"{self.folder}/{LIBRARIES}/{name}/__init__.py"

    def own(self, *command: str, **modules: str) -> list[str]:
        """The packages found, where these four are loaded, and what else is named."""
        loaded = {name: self.file(name) for name in ("shop", "serve", "core", "green")} | modules
        found = own_folders(TargetRoot(os.getpid()), command, installed_modules(loaded.items()))
        return [one.removeprefix(f"{self.folder}/{LIBRARIES}/") for one in found]


@pytest.fixture
def venv(tmp_path: Path) -> Venv:
    return Venv(tmp_path)


CONSOLE = "#!/bin/python3\nimport sys\nfrom {}.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"


def test_the_module_that_is_started_is_the_service(venv: Venv) -> None:
    assert venv.own("/usr/bin/python3.12", "-X", "dev", "-m", "shop.cli", "--port", "80") == ["shop/"]


def test_the_console_script_says_whose_it_is(venv: Venv) -> None:
    script = venv.script("shopd", CONSOLE.format("shop"))

    assert venv.own("/usr/bin/python3", script, __main__=script) == ["shop/"]


def test_a_server_that_is_told_what_to_load_is_a_library(venv: Venv) -> None:
    script = venv.script("serve", CONSOLE.format("serve"))

    assert venv.own("python3", "-m", "serve", "-k", "green", "shop.web:app") == ["shop/"]
    assert venv.own("python3", script, "-k", "green", "shop.web:app", __main__=script) == ["shop/"]
    assert venv.own("serve: worker [shop.web:app]") == ["shop/"]


def test_what_an_installed_distribution_asks_for_is_a_library(venv: Venv) -> None:
    assert venv.own("python3", "-m", "core") == []


def test_where_code_of_the_users_own_is_loaded_all_that_is_installed_are_libraries(venv: Venv) -> None:
    assert venv.own("python3", "-m", "serve", "shop.web:app", settings="/srv/shop/settings.py") == []
    assert venv.own("python3", "run.py", "shop", __main__="run.py") == []


def test_a_script_that_does_something_itself_is_the_users(venv: Venv) -> None:
    script = venv.script("work", "import shop\ndef work(): shop.run()\nwork()\n")

    assert venv.own("python3", script, __main__=script) == []


def test_a_command_that_names_nothing_installed_tells_nothing(venv: Venv) -> None:
    assert venv.own("python3", "-c", "from multiprocessing.spawn import spawn_main") == []
    assert venv.own() == []
