"""A healthy run of a test suite: a thousand tests that compute, wait a moment, or talk to a server in a thread."""

import http.client
import http.server
import sys
import threading
import time

import pytest

sys.path.insert(0, __file__.rsplit("/", 3)[0])


@pytest.fixture(scope="module")
def port():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    server.RequestHandlerClass.log_message = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.mark.parametrize("number", range(500))
def test_the_score_is_even(number):
    assert sum(one * number * 2 for one in range(100000)) % 2 == 0


@pytest.mark.parametrize("number", range(500))
def test_a_moment_passes(number):
    before = time.monotonic()
    time.sleep(0.03)
    assert time.monotonic() - before >= 0.03


@pytest.mark.parametrize("number", range(500))
def test_the_server_answers(port, number):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/no-such-file")
    assert connection.getresponse().status == 404
    connection.close()


class Mixed:
    """Has the three kinds of tests take turns, as those of a suite do."""

    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: int(item.name.rsplit("[", 1)[1][:-1]))


if __name__ == "__main__":
    import labkit

    labkit.begin(__file__)
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__], plugins=[Mixed()]))
