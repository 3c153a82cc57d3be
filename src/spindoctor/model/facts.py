"""Evidence: what follows from the looks, one class for each kind of fact. Rules read these and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.calls import CallCounts
from spindoctor.model.frames import Frame
from spindoctor.model.outcome import Culprit, Outcome
from spindoctor.model.process import EpollEntry, Neighbour
from spindoctor.model.pursuits import Pursuit
from spindoctor.model.recording import Candidate
from spindoctor.model.share import NO_LOOKS, Share
from spindoctor.model.tasks import Pool, Scope, Task


@dataclass(frozen=True, slots=True)
class Site:
    """One place at which a thread was found again and again.

    `episodes` counts separate stays (looks are correlated, stays are not); `longest_s` is the longest stay that
    was seen,
    in seconds on the clock, `longest_cpu_s` the most CPU that one stay used. `calls` are the system calls it waited in.
    `caller` is the function of the user's that called the one to blame most often; None where none of his did.
    """

    culprit: Culprit
    share: Share
    episodes: int
    longest_s: float
    longest_cpu_s: float = 0.0
    calls: tuple[tuple[str, int], ...] = ()
    inner: Frame | None = None
    caller: Culprit | None = None


@dataclass(frozen=True, slots=True)
class Loop:
    """One event loop over the whole look: where its thread was, counted in looks.

    `idle`: asleep in its selector. `spinning`: in the selector or the loop's machinery without sleeping.
    `computing`: on the
    CPU inside a callback. `held`: on the CPU inside a callback that was still the same in the look before or after.
    `waiting`: off the CPU inside a callback. `gil`: waiting for the GIL.
    `zero_polls` of `polls` looks inside the selector came with a timeout of zero; `ready` are looks with
    callbacks queued.
    `turns` counts changes of the loop's turn between looks (None: not readable), of `turn_pairs` pairs of looks that
    could be compared (None: of all). `one_callback` is the share of looks
    that the longest unbroken run of one callback fills, `one_callback_s` its span; `goes_on` where the last look is
    still inside it; where a library's function stays there, `one_callback_calls` is the user's that it calls most.
    `runs_script`: what runs on it is a whole module handed to it to be run (a notebook's cell), and
    nothing else waits for its turn. `traced` are the system calls of its thread, where they were counted. `steps` are
    looks on the CPU inside one step of a task that took ten milliseconds and more, `fills` is the user's function
    that most of them met, by its share of all looks at the loop. `typical_s` is a lower bound of how long the runs
    of callbacks are that looks meet, told by how often two looks a few milliseconds apart meet the same one. `torn`
    are further looks that found its thread at work and could not even read the loop.
    """

    pid: int
    tid: int
    thread: str
    loop_type: str
    seconds: float
    cpu_s: float
    system_s: float
    sleeps_per_s: float | None
    queue_wait_s: float | None
    looks: int
    idle: Share
    spinning: Share
    computing: Share
    held: Share
    waiting: Share
    gil: Share
    zero_polls: Share
    ready: Share
    one_callback: Share
    one_callback_s: float
    turns: int | None
    overdue_s: float | None
    waits: tuple[Site, ...] = ()
    holds: tuple[Site, ...] = ()
    profile: tuple[Site, ...] = ()
    one_callback_site: Site | None = None
    one_callback_calls: Site | None = None
    goes_on: bool = False
    runs_script: bool = False
    turn_pairs: int | None = None
    traced: CallCounts | None = None
    steps: Share = NO_LOOKS
    fills: Site | None = None
    typical_s: float = 0.0
    torn: int = 0

    @property
    def cores(self) -> float:
        """CPU of the loop's thread, in cores."""
        return self.cpu_s / self.seconds if self.seconds else 0.0

    @property
    def wanted_cores(self) -> float:
        """CPU that it used or stood in the run queue for: neighbours do not make a spin less of one."""
        return (self.cpu_s + (self.queue_wait_s or 0.0)) / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Loops:
    """All event loops of the family that were seen.

    `workers` are the pids of the worker processes in which one of them runs.
    """

    loops: tuple[Loop, ...]
    looks: int
    workers: tuple[int, ...] = ()

    @property
    def most(self) -> int:
        """The looks at the loop that was met most often."""
        return max((one.looks for one in self.loops), default=0)


@dataclass(frozen=True, slots=True)
class HeldTask:
    """A task that stays in a cancelled scope, or is cancelled again and again.

    `cancels` is how often it was cancelled during the look (None: the version does not count), `requests` in all.
    `on_its_way` is the share of slow looks in which a cancellation had been asked for and not delivered yet.
    `catches`: the line where it is stuck lies in a handler of user code that catches cancellations. `in_hand` is the
    share of looks at the running task that met it with a cancellation which that line keeps.
    """

    task: Task
    cancels: int | None
    requests: int | None
    is_done: bool
    stuck: Frame | None = None
    library: Frame | None = None
    on_its_way: Share = NO_LOOKS
    catches: bool = False
    in_hand: Share = NO_LOOKS


@dataclass(frozen=True, slots=True)
class CancelLoop:
    """A cancellation that is delivered over and over on one loop.

    `seen` is the share of slow looks in which the callback was running or queued. `scope` is None where the one who
    cancels could not be identified and only the cancelled task's counter shows it. `tasks` keep it going, `related` are
    the others: those that the scope holds besides, and those that wait for one of them.
    """

    pid: int
    tid: int
    thread: str
    scope: Scope | None
    callback: str
    seen: Share
    tasks: tuple[HeldTask, ...]
    host: Task | None = None
    related: tuple[Task, ...] = ()
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Cancellations:
    """All cancel loops that were seen, and how many slow looks were made to find them."""

    loops: tuple[CancelLoop, ...]
    looks: int
    tasks: int


@dataclass(frozen=True, slots=True)
class Rescheduler:
    """A task or callback that was running or queued in nearly every slow look at its loop.

    `running` is the share of quick looks inside a callback that found it to be this one, `queued` the share of slow
    looks that found it in the loop's queue. `members` is how many tasks of one function took turns (0: one alone).
    """

    pid: int
    tid: int
    seen: Share
    name: str
    culprit: Culprit
    is_task: bool
    steps_at_once: bool
    running: Share = NO_LOOKS
    queued: Share = NO_LOOKS
    members: int = 0


@dataclass(frozen=True, slots=True)
class Circle:
    """The few coroutines whose steps fill a loop: tasks that wake each other, or one another's successors.

    `share` is the part of the quick looks inside a callback that found a step of one of them, `incoming` the part that
    found a callback that is neither a task's step nor asyncio's own (a socket's is one), `serving` the part of the
    steps that worked for a request.
    `members` are the places of the coroutines, the most frequent first, a library's only where there is no other.
    """

    pid: int
    tid: int
    members: tuple[Culprit, ...]
    share: Share
    incoming: Share
    serving: Share
    is_other: bool = False
    """Of a loop that is none of asyncio's: the members are functions of the user's that it calls."""
    arrivals_per_s: float | None = None
    """Segments with data that came in from outside, of such a loop (None: something may come that nobody counts)."""


@dataclass(frozen=True, slots=True)
class Reschedulers:
    """Who keeps coming back, most often seen first."""

    entries: tuple[Rescheduler, ...]
    looks: int
    circles: tuple[Circle, ...] = ()
    pursuits: tuple[Pursuit, ...] = ()

    def entries_of(self, loop: Loop) -> list[Rescheduler]:
        """Who comes back on this loop."""
        return [one for one in self.entries if (one.pid, one.tid) == (loop.pid, loop.tid)]

    def circles_of(self, loop: Loop) -> list[Circle]:
        """What fills this loop."""
        return [one for one in self.circles if (one.pid, one.tid) == (loop.pid, loop.tid)]

    def pursuit_of(self, loop: Loop) -> Pursuit | None:
        """What this loop does most."""
        return next((one for one in self.pursuits if (one.pid, one.tid) == (loop.pid, loop.tid)), None)


@dataclass(frozen=True, slots=True)
class PoolUse:
    """One pool over the look: how often full with callers queued, and what its members do.

    `holders` are the places where the members are, `waiters` the tasks that wait for it (by their place).
    `holding` is how many others came the same way and got further, where that is all that shows of its members.
    `is_batch`: one thread of this process handed the work in and waits for the results, and no task does.
    `held_s` is the longest that a member waited at one line without running in between. `call_s` is how long a wait at
    the most frequent place took, the middle one of those seen from beginning to end (None: no such wait was seen).
    `processes` are those that a server's workers run in; of any other pool they are not told. `met` is how many slow
    looks found it, where it was not there in all of them. `waited_s` is the longest that one caller was seen to wait.
    `waits_for_itself`: who has a member waits for one who queues, to the last look.
    """

    pid: int
    pool: Pool
    full: Share
    queued_most: int
    holders: tuple[Site, ...]
    waiters: tuple[Culprit, ...] = ()
    waiting_tasks: int = 0
    holders_computing: Share = NO_LOOKS
    held_s: float = 0.0
    is_batch: bool = False
    holding: int | None = None
    call_s: float | None = None
    processes: tuple[int, ...] = ()
    met: int | None = None
    waited_s: float = 0.0
    waits_for_itself: bool = False


@dataclass(frozen=True, slots=True)
class Pools:
    """All pools that were seen."""

    pools: tuple[PoolUse, ...]
    looks: int


@dataclass(frozen=True, slots=True)
class SharedEpoll:
    """One epoll instance that several processes of the family hold, made before a fork.

    `members` are (pid, descriptor); `users` those whose loop waits in it. `foreign` are entries whose open file a user
    does not have, with the pids that do. `spinner` is the user that is woken without end, `owner` the one with
    the request. `unserved` are addresses listened on that only
    this epoll has although nobody waits in it; `backlog` connections wait there to be accepted. `idle_heirs` are
    members whose own loop nothing can wake, although they hold the sockets that listen at `inherited`.
    """

    members: tuple[tuple[int, int], ...]
    users: tuple[int, ...]
    foreign: tuple[tuple[int, EpollEntry, tuple[int, ...]], ...]
    spinner: int | None = None
    spinner_cores: float = 0.0
    spinner_fd: int | None = None
    spinner_thread: str | None = None
    owner: int | None = None
    entry: EpollEntry | None = None
    socket: str | None = None
    listen: Culprit | None = None
    waits: tuple[Site, ...] = ()
    unbounded_polls: Share = NO_LOOKS
    unserved: tuple[str, ...] = ()
    backlog: int = 0
    idle_heirs: tuple[int, ...] = ()
    inherited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SharedEpolls:
    """Epolls that processes share; `epolls` is how many were looked at in `processes` processes."""

    shared: tuple[SharedEpoll, ...]
    epolls: int
    processes: int


@dataclass(frozen=True, slots=True)
class Load:
    """What the service was asked to do during the look.

    `requests` are tasks and threads at work for a request on average, without those that another of them awaits,
    `tasks` pending tasks, `turns` turns of all loops that were seen to
    change between looks, `connections` established sockets (None: not known). `queued` connections waited for somebody
    to accept them.
    `standing` is the number of requests in progress where none of all that were seen moved during the look, else 0.
    `newborn` are children that began during the look and that nobody looked at, `short_lived` forks of its processes
    that were gone again before its end.
    `stands` are the lines at which threads slept within requests for a second and more.
    `owed_s` says for each client that has sent something since it was last sent anything how long ago that was, longest
    first. `late_s` is how late the first timer of an event loop was met at most (None: no look could read one).
    `employed` worker processes, that is all of them, were at work in every look that counts, asleep at `employed_at`.
    """

    requests: float
    routes: tuple[str, ...]
    tasks: int
    connections: int | None
    cores: float
    active_looks: Share
    queued: int = 0
    standing: int = 0
    newborn: tuple[Neighbour, ...] = ()
    short_lived: int = 0
    stands: tuple[Site, ...] = ()
    owed_s: tuple[float, ...] = ()
    late_s: float | None = None
    employed: int = 0
    employed_at: tuple[Site, ...] = ()


@dataclass(frozen=True, slots=True)
class Others:
    """The answers of all other rules, for the one rule that speaks of their absence."""

    outcomes: dict[str, Outcome]
