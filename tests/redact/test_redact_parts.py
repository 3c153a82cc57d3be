"""The parts of redaction: source lines, paths, sentences, names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spindoctor.model.process import Process
from spindoctor.model.routes import Route
from spindoctor.redact import _route
from spindoctor.redact.names import Names
from spindoctor.redact.paths import Paths
from spindoctor.redact.sentences import Sentences, shape_of_pattern
from spindoctor.redact.sources import redact_source

PROCESS = Process(1, 1, 0.0, 1, "python", ("python",), "/usr/bin/python3", "/srv/shop", "bob", sys_path=("/opt/extra",))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x = 'a' + \"b\"  # c", "x = '***' + \"***\"  # ***"),
        ("open(r'/etc/x').read(1000000)", "open(r'***').read(***)"),
        ("call('it\\'s', 5)", "call('***', 5)"),
        ("print(f'{user} paid', other)", "print(f'***"),
        ("print(f'all paid', other)", "print(f'***', other)"),
        ("query('''a''', \"b\")", "query('''***''', \"***\")"),
        ("await feed.get()", "await feed.get()"),
        ("broken = 'no end", "broken = '***"),
        ("", ""),
    ],
)
def test_a_line_keeps_its_code_and_loses_its_texts(line: str, expected: str) -> None:
    assert redact_source([line], 0) == (expected,)


def test_a_window_that_begins_inside_a_text_is_read_from_the_line_that_is_code() -> None:
    lines = ["Alice's notes: pin 1234.", '"""', "return charge(card)"]

    assert redact_source(lines, 2) == ("***", '***"""', "return charge(card)")


def test_a_text_that_begins_behind_the_line_is_hidden_to_its_end() -> None:
    lines = ['run("""select', "secret", '""", 5)', "next()"]

    assert redact_source(lines, 0) == ('run("""***', "***", '***""", 5)', "next()")


def test_a_text_continued_by_a_backslash_is_hidden_to_its_end() -> None:
    assert redact_source(["x = 'a\\", "secret'", "y"], 0) == ("x = '***", "***'", "y")


def test_a_window_without_the_line_meant_shows_nothing() -> None:
    assert redact_source(["secret", ""], 7) == ("***", "")


@given(st.lists(st.text(alphabet="ab\"'\\#f{} =\n", max_size=12), max_size=5), st.integers(0, 4))
@settings(deadline=None)
def test_any_lines_stay_as_many_as_they_were(lines: list[str], meant: int) -> None:
    assert len(redact_source(lines, meant)) == len(lines)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/srv/shop/app/views.py", "/service/app/views.py"),
        ("/opt/extra/plugin.py", "/service-2/plugin.py"),
        ("/srv/shop/bob/x.py", "/service/***/x.py"),
        ("/srv/shopping/x.py", "/***/x.py"),
        ("/home/bob/v/lib/python3.12/site-packages/anyio/abc.py", "/***/site-packages/anyio/abc.py"),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", "/***/dist-packages/yaml/__init__.py"),
        ("/home/bob/.pyenv/versions/3.9.1/lib/python3.9/selectors.py", "/***/lib/python3.9/selectors.py"),
        ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>"),
        ("<string>", "<string>"),
        ("<made by bob>", "<***>"),
        ("/usr/local/bin/serve", "/***/bin/serve"),
        ("", ""),
    ],
)
def test_a_source_file_is_named_by_what_is_the_same_on_every_machine(path: str, expected: str) -> None:
    assert Paths([PROCESS], ["bob"]).code(path) == expected


def test_two_outside_files_of_one_name_stay_two() -> None:
    paths = Paths([PROCESS], ["bob"])

    assert [paths.code(one) for one in ("/a/x.py", "/b/x.py", "/a/x.py")] == ["/***/x.py", "/***-2/x.py", "/***/x.py"]


@pytest.mark.parametrize("path", ["socket:[12]", "pipe:[3]", "anon_inode:[eventpoll]", "/dev/null", "/dev/pts/3", ""])
def test_what_the_kernel_names_itself_stays(path: str) -> None:
    assert Paths([PROCESS], []).data(path) == path


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("5 x a torn read", "5 x a torn read"),
        ("cannot read /home/bob/x: no such file", "cannot read ***: no such file"),
        ("see https://a.example/?q=1 now", "see *** now"),
        ("bob runs it", "user-1 runs it"),
        ("10.1.2.3:80 and 127.0.0.1:80", "host-1:80 and 127.0.0.1:80"),
        ("db.corp.example hangs", "host-1 hangs"),
        ("api_key=abc given", "api_key=*** given"),
        ("Python 3.12.3", "Python 3.12.3"),
    ],
)
def test_a_sentence_loses_what_tells_of_somebody(sentence: str, expected: str) -> None:
    assert Sentences(Names(["bob"])).scrub(sentence) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MainThread", "MainThread"),
        ("ThreadPoolExecutor-0_12", "ThreadPoolExecutor-0_12"),
        ("Thread-7 (slow_report)", "Thread-7 (slow_report)"),
        ("worker alice", "worker name-1"),
        ("Task-123456", "Task-name-1"),
        ("deadbeef99", "name-1"),
        ("bob", "name-1"),
        ("call +49 151 23456", "name-1 +name-2 name-3 name-4"),
    ],
)
def test_a_name_keeps_the_words_of_the_code(name: str, expected: str) -> None:
    names = Names(["bob"])
    names.learn(["slow_report", "bob"])

    assert names.words(name) == expected


def test_of_a_pattern_only_the_shape_stays() -> None:
    assert shape_of_pattern(r"^(alice|bob+)+\d{1,100}$") == r"^(w|w+)+\d{1,100}$"


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("/orders/{order_id}/items", "/orders/{order_id}/items"),
        ("/api/v2/users/<int:id>.json", "/api/v2/users/<int:id>.json"),
        ("/^files/(?P<name>[0-9]+)$", "/^files/(?P<name>[0-9]+)$"),
        ("/bot/sendMessage", "/bot/sendMessage"),
        ("/bot4711:AAb/sendMessage", "/***/sendMessage"),
        ("/hook/sekrit1ge6bkc/in", "/hook/***/in"),
        ("/hook/SEKRITwebhooktoken", "/hook/***"),
        ("/t/kq9x-{name}", "/t/***"),
        ("/", "/"),
    ],
)
def test_what_a_pattern_has_beside_gaps_and_plain_words_is_hidden(template: str, shown: str) -> None:
    assert _route(Route("GET", template, template), Names(())).template == shown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/elsewhere/tools.py", "/***/tools.py"),
        ("/elsewhere/__init__.py", "/***/__init__.py"),
        ("/elsewhere/eval-SEKRITtemplate.py", "/***/***.py"),
        ("/elsewhere/k4711aa0815.py", "/***/***.py"),
        ("/elsewhere/libssl.so.3", "/***/libssl.so.3"),
    ],
)
def test_source_files_outside_keep_only_names_of_modules(path: str, shown: str) -> None:
    assert Paths([PROCESS], []).code(path) == shown
