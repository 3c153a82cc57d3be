"""A healthy worker: a master and two processes, and what is sent to it is done at once."""

import os
import sys

from celery import Celery, signals

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.arguments()
FOLDER = labkit.own_folder(OPTIONS)
os.environ["C_FORCE_ROOT"] = "1"
jobs = Celery("jobs", broker="filesystem://")
jobs.conf.broker_transport_options = {
    "data_folder_in": FOLDER,
    "data_folder_out": FOLDER,
    "control_folder": FOLDER,
    "polling_interval": 0.2,
}
jobs.conf.broker_connection_retry_on_startup = True
jobs.conf.task_ignore_result = True


@jobs.task(name="score")
def score(number):
    return sum((one * number) % 97 for one in range(1000000))


@signals.worker_process_init.connect
def limit(**_):
    labkit.end_after(OPTIONS.seconds)


labkit.begin(__file__)
jobs.worker_main(["worker", "-c", "2", "-l", "error", "--without-gossip", "--without-mingle", "--without-heartbeat"])
