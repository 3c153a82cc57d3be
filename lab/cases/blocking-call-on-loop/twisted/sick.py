"""A quote service on Twisted asks its source with a synchronous client, in the thread of the reactor.
"""

import sys
import urllib.request

from twisted.internet import reactor, threads
from twisted.web import resource, server

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


def ask():
    url = "http://{}:{}/0.3".format(labkit.HOST, OPTIONS.peer_port)
    with urllib.request.urlopen(url, timeout=30) as answer:  # <- culprit: blocking-call-on-loop
        return answer.read()


class Quotes(resource.Resource):
    isLeaf = True

    def render_GET(self, request):
        if request.path == b"/ping":
            return b"pong"
        return ask()


reactor.listenTCP(OPTIONS.port, server.Site(Quotes()), interface=labkit.HOST)
reactor.run()
