"""Files of the target, seen through its own root: packages and source lines."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
from pathlib import Path

import pytest
from kernel_victims import NeedRoot, Start

from spindoctor.model.process import Process
from spindoctor.probe.packages import normalise, parse_info_name, parse_metadata, read_packages
from spindoctor.probe.processes import read_process
from spindoctor.probe.rights import Rights
from spindoctor.probe.root import TargetRoot, is_own_root
from spindoctor.probe.sources import SourceReader, decode_source


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("Foo_Bar.baz-1.2.dist-info", ("foo-bar-baz", "1.2")),
        ("zope.interface-5.4.0-py3.8-linux-x86_64.egg-info", ("zope-interface", "5.4.0")),
        ("PyYAML-5.3.1.egg-info", ("pyyaml", "5.3.1")),
        ("foo-bar-1.0.dist-info", ("foo-bar", "1.0")),
        ("a-1.0rc1+local.1-py3.9.egg-info", ("a", "1.0rc1+local.1")),
        ("inplace.egg-info", ("inplace", None)),
        ("~ip-23.0.dist-info", None),
        ("x.egg-link", None),
        ("foo-1.0", None),
    ],
)
def test_name_and_version_come_from_the_folder(entry: str, expected: tuple[str, str | None] | None) -> None:
    assert parse_info_name(entry) == expected


def test_the_version_is_in_the_head_of_the_metadata() -> None:
    assert parse_metadata("Metadata-Version: 2.1\nName: x\nVersion: 4.5 \n\nText") == "4.5"
    assert parse_metadata("Metadata-Version: 2.1\n\nVersion: 9\n") is None


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"a\r\nb\rc\nd", ("a", "b", "c", "d")),
        (b"\xef\xbb\xbfimport x\n", ("import x", "")),
        (b"#!/usr/bin/python\n# -*- coding: latin-1 -*-\nname = '\xe9'\n", None),
        (b"# coding: no-such-thing\n'\xc3\xa9'", ("# coding: no-such-thing", "'\N{LATIN SMALL LETTER E WITH ACUTE}'")),
        (b"x = '\xff'", ("x = '\N{REPLACEMENT CHARACTER}'",)),
        (b"", ()),
    ],
)
def test_source_is_decoded_as_it_declares(content: bytes, lines: tuple[str, ...] | None) -> None:
    expected = lines or (() if not content else (*content.decode("latin-1").splitlines(), ""))

    assert decode_source(content) == expected


def own(started_at: float = 1e12) -> Process:
    return Process(os.getpid(), 0, started_at, 1, "me", (), "", str(Path.cwd()), "")


def test_a_window_has_the_lines_around_and_stays_inside_the_file(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("one\ntwo\nthree\nfour\nfive\n", encoding="utf-8")
    reader = SourceReader(own())

    middle, top = reader.window(str(file), 3, around=1), reader.window(str(file), 1, around=1)

    assert middle is not None
    assert (middle.first_line, middle.lines, middle.is_changed_since_start) == (2, ("two", "three", "four"), False)
    assert top is not None
    assert (top.first_line, top.lines) == (1, ("one", "two"))


def test_a_file_that_is_younger_than_the_process_is_marked(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("one\n", encoding="utf-8")
    os.utime(file, (2000, 2000))

    windows = [SourceReader(own(started_at)).window(str(file), 1) for started_at in (1999.0, 2001.0)]

    assert [one.is_changed_since_start for one in windows if one] == [True, False]


@pytest.mark.parametrize("file", ["<string>", "<frozen importlib._bootstrap>", "", "/nonesuch.py", "/dev/zero", "/"])
def test_what_is_no_file_has_no_window(file: str) -> None:
    assert SourceReader(own()).window(file, 1) is None


def test_a_line_beyond_the_end_and_a_pipe_have_no_window(tmp_path: Path) -> None:
    (tmp_path / "short.py").write_text("one\n", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe.py")
    reader = SourceReader(own())

    assert reader.window(str(tmp_path / "short.py"), 9) is None
    assert reader.window(str(tmp_path / "pipe.py"), 1) is None


def test_a_relative_name_counts_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.py").write_text("here\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    window = SourceReader(own()).window("app.py", 1)

    assert window is not None
    assert window.lines[0] == "here"


def test_our_own_packages_agree_with_importlib() -> None:
    mine = {normalise(one.metadata["Name"]): one.version for one in importlib.metadata.distributions()}

    assert dict(read_packages(os.getpid(), sys.path)) == mine


def test_the_first_on_the_path_wins_and_what_is_no_folder_is_skipped(tmp_path: Path) -> None:
    for folder, version in (("a", "1.0"), ("b", "2.0")):
        (tmp_path / folder / f"anyio-{version}.dist-info").mkdir(parents=True)
    develop = tmp_path / "b" / "mine.egg-info"
    develop.mkdir()
    (develop / "PKG-INFO").write_text("Name: mine\nVersion: 0.3\n", encoding="utf-8")
    (tmp_path / "lib.zip").write_bytes(b"PK")
    path = [str(tmp_path / one) for one in ("missing", "lib.zip", "a", "b")]

    assert read_packages(os.getpid(), path) == (("anyio", "1.0"), ("mine", "0.3"))


def foreign(base: Path) -> TargetRoot:
    root = TargetRoot(os.getpid())
    root._base = str(base)
    return root


def test_links_of_another_root_are_followed_inside_it(tmp_path: Path) -> None:
    (tmp_path / "opt/real").mkdir(parents=True)
    (tmp_path / "opt/real/app.py").write_text("inside\n", encoding="utf-8")
    (tmp_path / "srv").symlink_to("/opt/real")
    (tmp_path / "opt/up").symlink_to("../../../opt/real/app.py")
    root = foreign(tmp_path)

    assert root.locate("/srv/app.py") == str(tmp_path / "opt/real/app.py")
    assert root.locate("/opt/up") == str(tmp_path / "opt/real/app.py")
    assert root.list_folder("/srv") == ["app.py"]


def test_a_link_to_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")

    assert foreign(tmp_path).read_file("/loop", 100) is None


def test_a_process_may_read_what_its_user_may(tmp_path: Path) -> None:
    """As user 4242 of group 4243: by what the file gives to owner, group and others, and through open folders only."""
    file, user = tmp_path / "app.py", Rights(4242, frozenset({4243}))
    file.touch()
    modes = {(4242, 1): 0o400, (1, 4243): 0o440, (1, 1): 0o444}
    facts = {who: os.stat_result((0o100000 | mode, 0, 0, 1, *who, 0, 0, 0, 0)) for who, mode in modes.items()}
    closed = os.stat_result((0o100640, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o755)

    assert all(user.may_read(str(file), one) for one in facts.values())
    assert not user.may_read(str(file), closed)
    assert not user.may_read(str(file), os.stat_result((0o100044, 0, 0, 1, 4242, 1, 0, 0, 0, 0)))
    assert not Rights(None).may_read(str(file), facts[1, 1])
    assert Rights(0).may_read(str(file), closed)
    tmp_path.chmod(0o700)
    assert not user.may_read(str(file), facts[1, 1])


def test_the_user_of_a_process_is_read() -> None:
    assert Rights.of(os.getpid()) == Rights(os.geteuid(), frozenset({os.getegid(), *os.getgroups()}))
    assert Rights.of(2**22 + 1) == Rights(None)


def test_a_name_that_no_file_can_have_is_that_of_no_file() -> None:
    """Torn memory, and text that is none in any encoding."""
    root = TargetRoot(os.getpid())

    for name in ("/srv/a\0b.py", "/srv/\ud800.py"):
        assert root.read_file(name, 100) is None
        assert root.list_folder(name) == []


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"x" * 11)
    root = TargetRoot(os.getpid())

    assert root.read_file(str(tmp_path / "long"), 10) is None
    assert (root.read_file(str(tmp_path / "long"), 11) or (b"",))[0] == b"x" * 11


CHROOT = "import os, sys; os.chroot(sys.argv[1]); os.chdir('/work'); print('ready', flush=True); sys.stdin.read()"


@pytest.mark.live
def test_a_target_in_another_root_shows_its_packages_and_source(
    start: Start, tmp_path: Path, need_root: NeedRoot
) -> None:
    need_root("a process with another root")
    (tmp_path / "site/anyio-4.9.0.dist-info").mkdir(parents=True)
    (tmp_path / "lib").symlink_to("/site")
    (tmp_path / "work").mkdir()
    (tmp_path / "work/app.py").write_text("inside\n", encoding="utf-8")
    victim = start(CHROOT, str(tmp_path))
    process = read_process(victim.pid)

    window = SourceReader(process).window("app.py", 1)

    assert not is_own_root(victim.pid)
    assert read_packages(victim.pid, ["/lib", str(tmp_path / "site")]) == (("anyio", "4.9.0"),)
    assert window is not None
    assert re.fullmatch("inside", window.lines[0])


@pytest.mark.live
def test_a_target_that_has_ended_has_no_files(start: Start) -> None:
    victim = start("import sys; print('ready', flush=True); sys.stdin.read()")
    victim.end()

    assert TargetRoot(victim.pid).read_file("/etc/passwd", 1 << 20) is None
    assert read_packages(victim.pid, sys.path) == ()
