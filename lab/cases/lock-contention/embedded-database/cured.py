"""A shop that keeps its orders in an SQLite file; the customer's mail is sent once the order is taken down.
"""

import os
import socketserver
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit


def take_order(path):
    connection = sqlite3.connect(ORDERS, timeout=30, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO orders (path) VALUES (?)", (path,))
    connection.execute("COMMIT")
    connection.close()
    send_mail()
    return b"taken"


def send_mail():
    time.sleep(0.25)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = take_order(self.path) if self.path.startswith("/order") else b"pong"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


OPTIONS = labkit.begin(__file__)
ORDERS = os.path.join(labkit.own_folder(OPTIONS), "orders.db")
with sqlite3.connect(ORDERS) as first:
    first.execute("CREATE TABLE orders (path TEXT)")
first.close()
Server((labkit.HOST, OPTIONS.port), Handler).serve_forever(poll_interval=0.05)
