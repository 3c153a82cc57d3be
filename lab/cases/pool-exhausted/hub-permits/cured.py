"""The same ticket office with permits for all who come: everyone waits for the hall alone.
"""

from gevent import monkey

monkey.patch_all()

import sys
import urllib.request

from gevent.lock import BoundedSemaphore
from gevent.pywsgi import WSGIServer

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
permits = BoundedSemaphore(40)


def seats():
    url = "http://{}:{}/1.5".format(labkit.HOST, OPTIONS.peer_port)
    with permits:
        return urllib.request.urlopen(url, timeout=30).read()


def app(environ, start_response):
    body = seats() if environ["PATH_INFO"] == "/seats" else b"pong"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


WSGIServer((labkit.HOST, OPTIONS.port), app, log=None).serve_forever()
