"""A web service that follows a feed with a reader of its own on the loop: at the end of the feed it goes on reading.
"""

import asyncio
import socket
import sys

import tornado.web

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


class Feed:
    def __init__(self, connection):
        self.connection = connection
        self.lines = []

    def readable(self):
        data = self.connection.recv(4096)  # <- culprit: selector-spin
        if data:  # <- culprit: selector-spin
            self.lines.extend(data.splitlines())  # nobody thinks of the end


class Ping(tornado.web.RequestHandler):
    def get(self):
        self.write("pong")


async def main():
    tornado.web.Application([("/ping", Ping)]).listen(OPTIONS.port, labkit.HOST)
    server = socket.create_server((labkit.HOST, 0))
    far_end = socket.create_connection(server.getsockname())
    connection, _ = server.accept()
    connection.setblocking(False)
    asyncio.get_running_loop().add_reader(connection.fileno(), Feed(connection).readable)
    far_end.sendall(b"a line\n")
    await asyncio.sleep(0.3)
    far_end.close()
    await asyncio.Event().wait()


if OPTIONS.loop == "uvloop":
    import uvloop

    uvloop.install()
asyncio.run(main())
