"""The same service; the sockets are bound first, each child makes its own event loop, and the handler does not block it.
"""

import sys
import time

import tornado.gen
import tornado.httpserver
import tornado.ioloop
import tornado.netutil
import tornado.process
import tornado.web

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


class Report(tornado.web.RequestHandler):
    @tornado.gen.coroutine
    def get(self):
        yield tornado.gen.sleep(OPTIONS.seconds)
        self.write("done")


class Ping(tornado.web.RequestHandler):
    def get(self):
        self.write("pong")


app = tornado.web.Application([("/report", Report), ("/ping", Ping)])
sockets = tornado.netutil.bind_sockets(OPTIONS.port, address=labkit.HOST)
tornado.process.fork_processes(2)
loop = tornado.ioloop.IOLoop.current()
server = tornado.httpserver.HTTPServer(app)
server.add_sockets(sockets)
labkit.end_after(OPTIONS.seconds)
loop.start()
