"""What a development setting costs is what was seen on the CPU inside its own work."""

from __future__ import annotations

from recordings import PID, main_thread, one_process, recording, thread_samples, user

from spindoctor.evidence.settings import dev_settings
from spindoctor.model.frames import Frame
from spindoctor.model.recording import Candidate, Recording, ThreadUse
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.model.settings import DevSetting, DevSettings
from spindoctor.model.share import Share
from spindoctor.model.switches import Switch, WatchedFiles

TEN_MS = 10_000_000
FORMAT = Frame("extract_stack", "/usr/lib/python3.12/asyncio/format_helpers.py", 72)
EXTRACT = Frame("extract_stack", "/usr/lib/python3.12/traceback.py", 232)
SUMMARY = Frame("StackSummary.extract", "/usr/lib/python3.12/traceback.py", 395)
EXCEPTION = Frame("TracebackException.__init__", "/usr/lib/python3.12/traceback.py", 700)


def one_setting(seen: Recording) -> DevSetting:
    told = dev_settings(seen)
    assert isinstance(told, DevSettings)
    (setting,) = told.settings
    return setting


def on_cpu(*stack: Frame) -> list[ThreadLook]:
    return [ThreadLook(PID, stack, ran_ns=TEN_MS)]


def with_switch(switch: Switch, *looks: list[ThreadLook], candidates: tuple[Candidate, ...] = ()) -> Recording:
    threads = (main_thread(user_s=1.5),)
    process = one_process(samples=thread_samples(*looks), threads=threads, switches=(switch,), candidates=candidates)
    return recording(process)


DEBUG = Switch("asyncio debug", "_debug of the event loop is True", PID)


def test_stacks_extracted_by_asyncio_count_and_those_of_exceptions_do_not() -> None:
    looks = [
        on_cpu(SUMMARY, FORMAT, user("work")),
        on_cpu(SUMMARY, EXTRACT, user("work")),
        on_cpu(SUMMARY, EXCEPTION, user("work")),
        on_cpu(user("work")),
    ]

    setting = one_setting(with_switch(DEBUG, *looks))

    assert setting.inside == Share(2, 4)
    assert setting.cores == 0.25  # half of 1.5 s in 3 s
    assert setting.site
    assert setting.site.culprit.function == "work"


def test_looks_at_a_sleeping_thread_are_no_samples_of_cpu() -> None:
    asleep = [ThreadLook(PID, (SUMMARY, FORMAT), call=SystemCall("read"))]

    setting = one_setting(with_switch(DEBUG, asleep, on_cpu(user("work"))))

    assert setting.inside == Share(0, 1)


def test_places_in_the_source_are_offered_only_where_the_interpreter_was_not_started_so() -> None:
    place = Candidate("asyncio-debug", "main", "/srv/app.py", 3)
    by_start = Switch("asyncio debug", "PYTHONASYNCIODEBUG", PID, from_start=True)

    by_call = one_setting(with_switch(DEBUG, on_cpu(user("work")), candidates=(place,)))
    started = one_setting(with_switch(by_start, on_cpu(user("work")), candidates=(place,)))

    assert by_call.candidates == (place,)
    assert started.candidates == ()


def test_a_reloader_costs_what_runs_below_the_function_that_has_the_times() -> None:
    tick, stat = user("tick", 9), user("stat", 4)
    watched = WatchedFiles(PID, "mtimes", 700, "/srv/app.py", user("tick", 1))
    looks = [on_cpu(stat, tick), on_cpu(tick), on_cpu(user("serve"))]
    process = one_process(samples=thread_samples(*looks), threads=(main_thread(user_s=3.0),), watched_files=(watched,))

    setting = one_setting(recording(process))

    assert (setting.kind, setting.files, setting.inside) == ("reloader", 700, Share(2, 3))


def test_a_function_called_by_the_way_is_one_setting_of_all_threads_that_call_it() -> None:
    traces = user("on_line", 12)
    switches = tuple(Switch("trace function", "its trace function is on_line", tid, calls=traces) for tid in (PID, 7))
    places = (
        Candidate("trace-function-set", "begin", "/srv/app.py", 3),
        Candidate("profile-function-set", "begin", "/srv/app.py", 4),
    )
    looks = [[ThreadLook(PID, (traces, user("work")), ran_ns=TEN_MS), ThreadLook(7, (user("work"),), ran_ns=TEN_MS)]]
    threads = (main_thread(user_s=1.5), ThreadUse(7, "worker-1", "python", user_s=3.0))
    process = one_process(samples=thread_samples(*looks), threads=threads, switches=switches, candidates=places)

    setting = one_setting(recording(process))

    assert (setting.inside, setting.threads, setting.thread) == (Share(1, 2), 2, "worker-1")
    assert setting.cores == 0.75  # half of 1.5 and 3 s in 3 s
    assert setting.candidates == places[:1]
    assert setting.calls == traces
