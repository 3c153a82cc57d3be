"""Sleeps with a trace function in one thread and a profile function in another; says that it does. 3.8 to 3.15."""

import _thread
import sys
import time


class Recorder:
    """What is called has a method's name, to be told from a plain function."""

    def on_line(self, *_: object) -> object:
        return self.on_line


def on_call(*_: object) -> None:
    pass


def profiled() -> None:
    sys.setprofile(on_call)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    time.sleep(60)


sys.settrace(Recorder().on_line)
_thread.start_new_thread(profiled, ())
time.sleep(60)
