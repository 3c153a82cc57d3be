"""A loop made before the fork; `# <-` marks the line to be found."""

from __future__ import annotations

import textwrap

import pytest

from spindoctor.shapes import find_shapes


def places(source: str) -> list[tuple[str, str, int]]:
    return [(one.shape, one.function, one.line) for one in find_shapes(textwrap.dedent(source), "/srv/app.py")]


def marked(source: str) -> list[int]:
    return [number for number, line in enumerate(textwrap.dedent(source).splitlines(), 1) if "# <-" in line]


FOUND = {
    "listen, then start(2)": """
        server = HTTPServer(app)
        server.listen(8080)  # <-
        server.start(2)
        IOLoop.current().start()
        """,
    "inside the main block": """
        if __name__ == "__main__":
            server = HTTPServer(make_app())
            server.listen(port)  # <-
            server.start(num_processes=0)
        """,
    "as many as the configuration says": """
        server.listen(8080)  # <-
        server.start(options.workers)
        """,
    "fork_processes": """
        app.listen(8080)  # <-
        tornado.process.fork_processes(4)
        """,
    "the operating system's fork": """
        sockets = bind_sockets(8080)
        server.add_sockets(sockets)  # <-
        for _ in range(3):
            if os.fork() == 0:
                break
        """,
    "a loop that is asked for first": """
        loop = asyncio.get_event_loop()  # <-
        Process(target=serve).start()
        """,
    "processes in a list": """
        loop = tornado.ioloop.IOLoop.current()  # <-
        workers = [multiprocessing.Process(target=serve) for _ in range(2)]
        for worker in workers:
            worker.start()
        """,
    "the line that listens rather than the one that asks for the loop": """
        loop = IOLoop.current()
        server.listen(8080)  # <-
        server.start(2)
        """,
    "a chain over several lines": """
        (HTTPServer(app)
            .listen(8080))  # <-
        fork_processes(2)
        """,
}


@pytest.mark.parametrize("why", FOUND)
def test_a_loop_made_before_the_fork_is_found(why: str) -> None:
    expected = [("listen-before-fork", "<module>", line) for line in marked(FOUND[why])]

    assert expected == places(FOUND[why])


NOT_FOUND = {
    "bind, then start(2)": """
        server.bind(8080)
        server.start(2)
        IOLoop.current().start()
        """,
    "fork before the sockets are added": """
        sockets = bind_sockets(8080)
        fork_processes(2)
        server.add_sockets(sockets)
        """,
    "one process": """
        server.listen(8080)
        server.start(1)
        """,
    "a loop that is started": """
        server.listen(8080)
        loop = IOLoop.current()
        loop.start()
        """,
    "a thread": """
        server.listen(8080)
        worker = threading.Thread(target=poll)
        worker.start()
        """,
    "the two in functions that nobody joins": """
        def serve():
            server.listen(8080)

        def work():
            os.fork()
        """,
}


@pytest.mark.parametrize("why", NOT_FOUND)
def test_what_only_resembles_it_is_left_alone(why: str) -> None:
    assert places(NOT_FOUND[why]) == []


def test_a_function_that_listens_counts_where_it_is_called() -> None:
    source = """
        def make_server():
            server = HTTPServer(app)
            server.listen(8080)
            return server

        def main():
            make_server().start(2)
        """

    assert places(source) == [("listen-before-fork", "make_server", 4)]
