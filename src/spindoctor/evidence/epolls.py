"""Epoll instances that several processes hold because they were made before a fork."""

from __future__ import annotations

from collections.abc import Sequence

from spindoctor.evidence.heirs import idle_heirs
from spindoctor.evidence.loops import loops
from spindoctor.model.counting import count
from spindoctor.model.facts import Loop, Loops, SharedEpoll, SharedEpolls
from spindoctor.model.outcome import Culprit
from spindoctor.model.process import Descriptor, Epoll, EpollEntry, Socket
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.sample import EPOLL_WAITS
from spindoctor.model.share import NO_LOOKS, Share

LISTEN_SHAPE = "listen-before-fork"

Foreign = tuple[int, EpollEntry, tuple[int, ...]]


def shared_epolls(recording: Recording) -> SharedEpolls | Missing:
    """Groups of processes whose epoll descriptors are one open file (kcmp), with who uses and who suffers."""
    looked = [one for one in recording.processes if one.descriptors]
    if not looked:
        said = [why for one in recording.processes for part, why in one.missing if part == "descriptors"]
        return Missing(next(iter(said), "the descriptors could not be read"))
    told = loops(recording)
    running = {loop.pid: loop for loop in told.loops} if isinstance(told, Loops) else {}
    groups = _groups([epoll for one in looked for epoll in one.epolls])
    shared = tuple(_shared(recording, group, running) for group in groups)
    return SharedEpolls(shared, epolls=sum(len(one.epolls) for one in looked), processes=len(looked))


def _groups(epolls: Sequence[Epoll]) -> list[list[Epoll]]:
    found: list[list[Epoll]] = []
    for epoll in epolls:
        homes = [group for group in found if _same(epoll, group)]
        found = [group for group in found if group not in homes]
        found.append([*(one for group in homes for one in group), epoll])
    return [group for group in found if len({one.pid for one in group}) > 1]


def _same(epoll: Epoll, group: Sequence[Epoll]) -> bool:
    return any((epoll.pid, epoll.fd) in one.shared_with or (one.pid, one.fd) in epoll.shared_with for one in group)


def _shared(recording: Recording, group: Sequence[Epoll], running: dict[int, Loop]) -> SharedEpoll:
    users = [one for one in group if one.pid in running and _uses(recording, one)]
    foreign = [entry for one in users for entry in _foreign(recording, one, group)]
    spinner = max((running[one.pid] for one in users), key=lambda loop: loop.cores, default=None)
    hot = _hot_entry(recording, [entry for entry in foreign if spinner and entry[0] == spinner.pid])
    owner = hot[2][0] if hot else None
    unserved = _unserved(recording, group) if not users else []
    heirs = idle_heirs(recording, group, users)
    return SharedEpoll(
        members=tuple((one.pid, one.fd) for one in group),
        users=tuple(one.pid for one in users),
        foreign=tuple(foreign),
        spinner=spinner.pid if spinner else None,
        spinner_cores=spinner.cores if spinner else 0.0,
        spinner_fd=next((one.fd for one in users if spinner and one.pid == spinner.pid), None),
        spinner_thread=spinner.thread if spinner else None,
        owner=owner,
        entry=hot[1] if hot else None,
        socket=_socket(recording, owner, hot[1]) if hot else None,
        listen=_listen(recording),
        waits=running[owner].waits if owner in running else (),
        unbounded_polls=_unbounded(recording, spinner) if spinner else NO_LOOKS,
        unserved=tuple(one.local for one in unserved),
        backlog=sum(one.receive_queue_bytes for one in unserved),
        idle_heirs=tuple(heirs),
        inherited=tuple(dict.fromkeys(socket.local for sockets in heirs.values() for socket in sockets)),
    )


def _uses(recording: Recording, epoll: Epoll) -> bool:
    """Whether this process's loop waits in this epoll: its selector says so, or it was seen there and nowhere else."""
    process = recording.process(epoll.pid)
    if process is None:
        return False
    loops_here = [use for use in process.threads if use.loop is not None]
    told = {use.loop_epoll for use in loops_here if use.loop_epoll is not None}
    if told:
        return epoll.fd in told
    looks = [look for sample in process.samples for look in sample.threads]
    waits = {
        look.call.arguments[0] for look in looks if look.call and look.call.name in EPOLL_WAITS and look.call.arguments
    }
    is_only = not any(one.fd != epoll.fd for one in process.epolls)
    return epoll.fd in waits or bool(loops_here and not waits and is_only)


def _unserved(recording: Recording, group: Sequence[Epoll]) -> list[Socket]:
    """Listening sockets in this epoll that no epoll in use by the family has: nobody will accept their connections."""
    ours = [epoll for process in recording.processes for epoll in process.epolls]
    served = {entry.inode for epoll in ours if _uses(recording, epoll) for entry in epoll.entries}
    sockets = [one.socket for process in recording.processes for one in process.descriptors if one.socket]
    listening = {socket.inode: socket for socket in sockets if socket.state == "LISTEN"}
    held = dict.fromkeys(entry.inode for epoll in group for entry in epoll.entries)
    return [listening[inode] for inode in held if inode in listening and inode not in served]


def _foreign(recording: Recording, epoll: Epoll, group: Sequence[Epoll]) -> list[Foreign]:
    """Entries whose open file this process does not have, but a relative does."""
    mine = _by_inode(recording.process(epoll.pid))
    pids = [one.pid for one in group if one.pid != epoll.pid]
    found = []
    for entry in epoll.entries:
        owners = tuple(pid for pid in pids if entry.inode in _by_inode(recording.process(pid)))
        if entry.inode not in mine and owners:
            found.append((epoll.pid, entry, owners))
    return found


def _by_inode(process: ProcessRecording | None) -> dict[int, Descriptor]:
    return {one.inode: one for one in process.descriptors} if process else {}


def _hot_entry(recording: Recording, foreign: Sequence[Foreign]) -> Foreign | None:
    """The entry that has something to say: a closed peer or unread bytes before a quiet one."""

    def wakes(one: Foreign) -> tuple[bool, int]:
        found = _by_inode(recording.process(one[2][0])).get(one[1].inode)
        socket = found.socket if found else None
        return (bool(socket and socket.state == "CLOSE_WAIT"), socket.receive_queue_bytes if socket else 0)

    return max(foreign, key=wakes, default=None)


def _socket(recording: Recording, owner: int | None, entry: EpollEntry) -> str | None:
    found = _by_inode(recording.process(owner) if owner else None).get(entry.inode)
    if found is None or found.socket is None:
        return found.path if found else None
    socket = found.socket
    ends = f"{socket.local} <- {socket.remote}"
    return f"{socket.protocol} {ends}, {socket.state}, {count(socket.receive_queue_bytes, 'byte')} unread"


def _listen(recording: Recording) -> Culprit | None:
    for process in recording.processes:
        for one in process.candidates:
            if one.shape == LISTEN_SHAPE:
                return Culprit(pid=process.pid, function=one.function, file=one.file, line=one.line)
    return None


def _unbounded(recording: Recording, spinner: Loop) -> Share:
    """Looks inside the selector with a timeout that would let it sleep."""
    process = recording.process(spinner.pid)
    looks = [one for sample in process.samples for one in sample.loops if one.tid == spinner.tid] if process else []
    timeouts = [one.poll_timeout_s for one in looks if one.poll_timeout_s is not None]
    return Share(sum(1 for one in timeouts if one != 0), len(timeouts))
