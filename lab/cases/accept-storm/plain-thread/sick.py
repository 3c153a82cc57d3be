"""A line server: one thread accepts and tries again at once when that fails; clients that say nothing are kept for ever.
"""

import logging
import resource
import socket
import sys
import threading

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))  # as a day of clients would do with the usual 1,024
logging.basicConfig(filename="/dev/null")


def answer(connection):
    with connection:
        for line in connection.makefile("rb"):  # <- culprit: accept-storm
            connection.sendall(line)


def serve(listener):
    while True:
        try:
            connection, _ = listener.accept()  # <- culprit: accept-storm
        except OSError as error:  # <- culprit: accept-storm
            logging.warning("could not accept: %s", error)  # <- culprit: accept-storm
            continue
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


serve(socket.create_server((labkit.HOST, OPTIONS.port), backlog=100))
