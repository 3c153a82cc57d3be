"""The host at a glance: each service's CPU in cores, of one core, of its quota and of the machine."""

from __future__ import annotations

from spindoctor.model.counting import count
from spindoctor.model.survey import ProcessLoad, ServiceUse, Survey, ThreadLoad
from spindoctor.report.page import Page
from spindoctor.report.phrases import command_words, machine_words
from spindoctor.report.words import bounded, cores, percent, seconds, sentence, shortened

MOST_SERVICES = 12
"""Services on the screen: they come busiest first, the rest idles."""

MOST_WORKERS = 8
"""Processes of one service on the screen."""

HEAD = f"{'cores':>6}{'of core':>9}{'quota':>7}{'machine':>9}{'pid':>8}  {'age':<12}service"
INDENT = 8
"""Blanks in front of what belongs to a service: its figures stand out to the left."""

NARROW = 72
"""Columns below which a service's figures are told in words: its name would have no room beside them."""


def render(survey: Survey, *, width: int = 80, color: bool = False) -> str:
    """The survey as text for `width` columns, with ANSI styles only where `color`."""
    page = Page(width, color=color)
    page.say(_headline(survey), style="bold")
    page.say(f"machine: {machine_words(survey.machine)}", style="dim")
    page.blank()
    shown, rest = bounded(survey.services, MOST_SERVICES)
    if shown and page.width >= NARROW:
        page.say(HEAD, style="dim")
    for service in shown:
        _show_service(page, service)
    if rest:
        page.say(rest.removesuffix(" (--json has all)"), indent=INDENT)
    _show_end(page, survey)
    return page.text


def _headline(survey: Survey) -> str:
    services = count(len(survey.services), "Python service")
    used = sum(one.cores for one in survey.services)
    if not survey.services:
        return f"no Python service in sight among {count(survey.processes, 'process', 'processes')}"
    share = percent(used / max(survey.machine.cores, 1))
    return f"{services}, {used:.2f} cores, {share} of this {survey.machine.cores}-core machine"


def _show_service(page: Page, service: ServiceUse) -> None:
    quota = "-" if service.quota_share is None else percent(service.quota_share)
    figures = f"{service.cores:>6.2f}{percent(service.cores):>9}{quota:>7}{percent(service.machine_share):>9}"
    row = f"{figures}{service.leader:>8}  {seconds(service.age_s):<12}"
    style = "bold" if service.pegged else ""
    if page.width >= NARROW:
        page.say(row + shortened(_name(service), page.width - len(row)), style=style)
    else:
        page.say(f"pid {service.leader}: {_name(service)}", style=style, hang=2)
        page.say(_figures(service), indent=2, hang=2)
    for pid, thread in service.pegged:
        page.say(_pegged(pid, thread, service.machine_cores), style="bold red", indent=INDENT, hang=2)
    if len(service.processes) > 1:
        _show_workers(page, service)


def _figures(service: ServiceUse) -> str:
    """The columns in words, for a terminal that is too narrow for them."""
    quota = "" if service.quota_share is None else f", {percent(service.quota_share)} of its quota"
    return (
        f"{cores(service.cores)}{quota}, {percent(service.machine_share)} of the machine; {seconds(service.age_s)} old"
    )


def _name(service: ServiceUse) -> str:
    command = next((one.command for one in service.processes if one.pid == service.leader), ())
    traits = [f":{port}" for port in service.ports]
    if service.made_by != "single":
        traits.insert(0, sentence(service.made_by))
    if len(service.processes) > 1:
        traits.append(f"{len(service.processes)} processes")
    words = command_words(command) if command else sentence(service.name)
    return f"{words} ({', '.join(traits)})" if traits else words


def _pegged(pid: int, thread: ThreadLoad, machine_cores: int) -> str:
    long = f", for {seconds(thread.pegged_for_s)} now" if thread.pegged_for_s else ""
    fact = (
        f"pegged{long}: thread {sentence(thread.name)} of pid {pid} uses {thread.cores:.2f} of the one core it can use"
    )
    share = percent(1 / machine_cores)
    return f"{fact}; {share} of this {machine_cores}-core machine is one whole core" if machine_cores > 1 else fact


def _show_workers(page: Page, service: ServiceUse) -> None:
    busiest = sorted(service.processes, key=lambda one: one.cores, reverse=True)
    shown, rest = bounded(busiest, MOST_WORKERS)
    for process in shown:
        page.say(_worker(process), indent=INDENT, hang=2)
    if rest:
        page.say(rest.removesuffix(" (--json has all)"), indent=INDENT)


def _worker(process: ProcessLoad) -> str:
    words = f"pid {process.pid} {sentence(process.role)} {process.cores:.2f} cores"
    if process.threads:
        hottest = process.threads[0]
        words += f", busiest thread {sentence(hottest.name)} {hottest.cores:.2f}"
    return words if process.is_readable else f"{words} (another user's: threads not shown)"


def _show_end(page: Page, survey: Survey) -> None:
    page.blank()
    if survey.services and survey.services[0].cores > 0:
        page.say(f"next: spindoctor diagnose {survey.services[0].hottest.pid}")
    if survey.hidden:
        hidden = count(survey.hidden, "process", "processes")
        why = "so whether Python runs there is not known; that takes more rights than ours"
        page.say(f"{hidden} could not be read, {why}", hang=2)
    for note in survey.notes:
        page.say(f"note: {sentence(note)}", hang=2)
    page.say(f"measured over {seconds(survey.interval_s)}", style="dim")
