"""The same gevent service with patched modules: who waits for a slow neighbour gives way.
"""

from gevent import monkey

monkey.patch_all()

import sys
import urllib.request

from gevent.pywsgi import WSGIServer

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


def rates():
    url = "http://{}:{}/0.4".format(labkit.HOST, OPTIONS.peer_port)
    return urllib.request.urlopen(url, timeout=30).read()


def app(environ, start_response):
    body = rates() if environ["PATH_INFO"] == "/rates" else b"pong"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


WSGIServer((labkit.HOST, OPTIONS.port), app, log=None).serve_forever()
