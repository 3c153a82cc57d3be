"""A batch in rounds: four stages work in parallel and meet at the end of each round. A stage ends at a row it can't read.
"""

import sys
import threading
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
ROUND = threading.Barrier(4)


def read(stage, number):
    if stage == 2 and number == 5:
        raise ValueError("row {} has no amount".format(number))
    return sum(range(20000))


def work(stage):
    for number in range(10**9):
        read(stage, number)
        time.sleep(0.02)
        ROUND.wait()  # <- culprit: deadlock


stages = [threading.Thread(target=work, args=(stage,), name="stage-{}".format(stage)) for stage in range(4)]
for one in stages:
    one.daemon = True
    one.start()
for one in stages:
    one.join()
