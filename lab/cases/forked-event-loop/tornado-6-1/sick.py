"""A report service in two processes, written the way that breaks: it listens first and forks afterwards.

`listen` makes the event loop and puts its socket into the loop's epoll; `start(2)` forks, and both children go on with that one
epoll. The handler blocks its process. When a client gives up, the end of its connection is never read by that process, and the
other one is woken for it again and again: for a descriptor that it does not have.
"""

import sys
import time

import tornado.gen
import tornado.httpserver
import tornado.ioloop
import tornado.web

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


class Report(tornado.web.RequestHandler):
    @tornado.gen.coroutine
    def get(self):
        time.sleep(OPTIONS.seconds)  # <- culprit: blocking-call-on-loop
        self.write("done")


class Ping(tornado.web.RequestHandler):
    def get(self):
        self.write("pong")


app = tornado.web.Application([("/report", Report), ("/ping", Ping)])
server = tornado.httpserver.HTTPServer(app)
server.listen(OPTIONS.port, address=labkit.HOST)  # <- culprit: forked-event-loop
server.start(2)  # <- culprit: forked-event-loop
labkit.end_after(OPTIONS.seconds)
tornado.ioloop.IOLoop.current().start()
