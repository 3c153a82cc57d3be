"""For whom threads and tasks work: a request, something that was begun meanwhile, or nobody that shows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from spindoctor.evidence.by_thread import ByThread
from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.sites import Namer
from spindoctor.model.conversations import Conversation
from spindoctor.model.frames import Stack
from spindoctor.model.locks import Party
from spindoctor.model.outcome import Culprit
from spindoctor.model.process import Socket
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.sample import Sample, ThreadLook
from spindoctor.model.tasks import HUB, Task, TaskLook

LIMITS = re.compile(r"(^|[._])(wait|wait_for|time_?out|move_on|fail_(after|at)|shield|as_completed)")
"""Who awaits others through one of these may go on before they end."""

MOST_STEPS = 16
"""Tasks that await each other, one above the other."""


def is_accepted(socket: Socket | None, ports: Iterable[int]) -> bool:
    """Whether the other end of a connection is a client: its own end lies on a port that the service listens on."""
    return socket is not None and any(socket.local.endswith(f":{port}") for port in ports)


@dataclass(frozen=True, slots=True)
class Moment:
    """One slow look at one process, with all that stands beside it; `sockets` by descriptor."""

    process: ProcessRecording
    look: TaskLook
    sample: Sample | None
    sockets: dict[int, Socket]
    ports: tuple[int, ...]
    by_thread: ByThread

    @classmethod
    def of(cls, process: ProcessRecording, look: TaskLook, ports: tuple[int, ...]) -> Moment:
        """The moment of this slow look."""
        sockets = {one.fd: one.socket for one in process.descriptors if one.socket}
        return cls(process, look, process.sample_at(look.at_s), sockets, ports, ByThread(process))

    def thread(self, tid: int | None) -> ThreadLook | None:
        """What a thread did."""
        return self.by_thread.at(self.look.at_s, tid)


class Work:
    """Answers for one moment."""

    def __init__(self, moment: Moment) -> None:
        """Index what it takes."""
        self._moment = moment
        self._namer = Namer(moment.process)
        self._tasks = {task.address: task for task in moment.look.tasks}
        self._talks = {one.party: one for one in moment.look.conversations}
        first = moment.process.task_looks[0] if moment.process.task_looks else None
        self._old_tasks = {task.address for task in first.tasks} if first else set[int]()
        samples = moment.process.samples[:1]
        self._old_threads = {look.tid for sample in samples for look in sample.threads}

    def stack(self, party: Party) -> Stack:
        """Where a party stands."""
        if party.task:
            return self._tasks[party.task].chain if party.task in self._tasks else ()
        look = self._moment.thread(party.tid)
        return look.stack if look else ()

    def wait(self, party: Party) -> object:
        """What is the same for as long as a task waits once; nothing of the kind is known of a thread."""
        task = self._tasks.get(party.task or self.asker(party).task or 0)
        return task.wait if task else None

    def standstill(self, party: Party) -> object:
        """What is the same for as long as a party waits once: of a thread how often it was found to have run.

        A task that had ended by the time the tasks were read is met this once.
        """
        wait = self.wait(party)
        if wait is not None:
            return wait
        return party, self._moment.look.at_s if party.tid is None else self.times_run(party)

    def times_run(self, party: Party) -> int:
        """In how many looks up to now a thread was found to have run since the one before."""
        moment = self._moment
        until_s = moment.sample.at_s if moment.sample else moment.look.at_s
        seen = moment.by_thread.seen(party.tid or 0)
        return sum(look.ran_ns > 0 for sample, look in seen if sample.at_s <= until_s)

    def waits_in_kernel(self, party: Party) -> bool:
        """Whether a thread sleeps in a system call that is none for a lock."""
        look = self._moment.thread(party.tid)
        return look is not None and look.call is not None and look.call.name != "futex"

    def is_suspended(self, party: Party) -> bool:
        """Whether it is a greenlet that waits; another task may be about to run, and a thread has a call to tell."""
        task = self._tasks.get(party.task) if party.task else None
        return task is not None and task.waits_on == HUB

    def culprit(self, party: Party) -> Culprit:
        """Where a party stands, as a culprit."""
        return self._namer.culprit(self.stack(party), party.tid, party.task)

    def root(self, party: Party) -> Party:
        """Who began it: the outermost of the tasks that await each other, and of a thread the task that awaits it."""
        talk = self._talks.get(party)
        address = party.task or (talk.for_task if talk else None)
        for _ in range(MOST_STEPS):
            awaiting = [one for one in self._awaited_by(address) if one in self._tasks]
            if not awaiting:
                break
            address = awaiting[0]
        return Party(task=address) if address else party

    def asker(self, party: Party) -> Party:
        """Whose stack has the user's code: a thread of a pool may run a library's alone, for a task that awaits it."""
        return party if user_frame(self.stack(party)) else self.root(party)

    def depends_on(self, party: Party, others: Iterable[Party]) -> bool:
        """Whether a task cannot go on before one of these has: it awaits it, or one that does, without a limit."""
        task = self._tasks.get(party.task or 0)
        if task is None or task.has_limit or any(LIMITS.search(frame.function) for frame in task.chain):
            return False
        above = {address for one in others for address in self._awaited_by(one.task)}
        for _ in range(MOST_STEPS):
            if party.task in above:
                return True
            above = {address for one in above for address in self._awaited_by(one)}
        return False

    def _awaited_by(self, address: int | None) -> tuple[int, ...]:
        task = self._tasks.get(address) if address else None
        return task.awaited_by if task else ()

    def is_request(self, party: Party) -> bool:
        """Whether it works for a request: one that its frames know, or a client whose connection they have."""
        return any(self._serves(one) for one in dict.fromkeys((party, self.root(party))))

    def _serves(self, party: Party) -> bool:
        task = self._tasks.get(party.task) if party.task else None
        talk = self._talks.get(party)
        if task and task.route:
            return True
        if talk and talk.serves is not None and is_accepted(self._moment.sockets.get(talk.serves), self._moment.ports):
            return True
        return bool(party.tid and self._namer.route(self.stack(party)))

    def route(self, party: Party) -> str | None:
        """The request it works for, where that is known by name."""
        root = self.root(party)
        return self._namer.route(self.stack(party), party.task) or self._namer.route(self.stack(root), root.task)

    def is_owed(self, party: Party) -> bool:
        """Whether its client has asked since it was last sent anything; True where that is not known."""
        talks = [self._talks.get(one) for one in (party, self.root(party))]
        served = [self._moment.sockets.get(one.serves) for one in talks if one and one.serves is not None]
        return all(
            one is None or one.sent_ago_s is None or one.received_ago_s is None or one.received_ago_s < one.sent_ago_s
            for one in served
        )

    def is_young(self, party: Party) -> bool:
        """Whether it was begun during the look, by code of the user's."""
        root = self.root(party)
        if not user_frame(self.stack(party)):
            return False
        if root.task:
            return root.task not in self._old_tasks
        return root.tid not in self._old_threads

    def is_at_client(self, party: Party) -> bool:
        """Whether it waits for the other end of an accepted connection."""
        return self.waits_for_client(self._talks.get(party))

    def clients_waited_at(self, parties: Iterable[Party]) -> int:
        """At how many clients these wait: one that does not read may keep any number of them waiting."""
        return len({self._talks[one].waits_at for one in parties if self.is_at_client(one)})

    def clients_answered(self, parties: Iterable[Party]) -> int:
        """For how many clients these work that were sent something since they asked; each that none is known of."""
        return len({self._client(one) for one in parties if self.is_request(one) and not self.is_owed(one)})

    def _client(self, party: Party) -> int | Party:
        talks = [self._talks.get(one) for one in (party, self.root(party))]
        return next((one.serves for one in talks if one and one.serves is not None), party)

    def waits_for_client(self, talk: Conversation | None) -> bool:
        """Whether the wait is for the other end of an accepted connection."""
        if talk is None or talk.waits_at is None:
            return False
        return is_accepted(self._moment.sockets.get(talk.waits_at), self._moment.ports)

    def parties(self) -> list[Party]:
        """All pending tasks, and all threads without a loop."""
        tasks = [Party(task=task.address) for task in self._tasks.values() if _is_open(task)]
        loops = {use.tid for use in self._moment.process.threads if use.loop is not None}
        looks = self._moment.sample.threads if self._moment.sample else ()
        return [*tasks, *(Party(tid=look.tid) for look in looks if look.stack and look.tid not in loops)]

    def requests(self) -> set[Party]:
        """Everything in progress for a client, once each; not who waits for the client to ask."""
        waiting = [one for one in self.parties() if not self.waits_for_client(self._talks.get(one))]
        return {self.root(one) for one in waiting if self.is_request(one)}


def _is_open(task: Task) -> bool:
    return not task.is_done and bool(task.chain)
