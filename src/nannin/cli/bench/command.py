"""`nannin bench URL`: the measures against anybody's running server."""

from __future__ import annotations

import dataclasses
import json
import socket
import sys

import click

from nannin.audience.page_key import as_uri
from nannin.cli.bench.address import Address, raise_descriptor_limit
from nannin.cli.bench.crowd import CLIENTS_PER_ADDRESS
from nannin.cli.bench.figures import measure, measure_slow
from nannin.cli.bench.process import Processes, find_listeners
from nannin.cli.bench.report import describe_slow, print_table
from nannin.errors import BenchError

# Besides the clients that are counted, one comes and goes.
_ONE_MORE = 1

# What helps where a server of nannin lets nobody join, by what it says.
_REMEDIES = {
    "Invalid token": "; --token gives the page's token, and NANNIN_PAGE_SECRET or nannin.toml makes one",
    "Invalid namespace": "; --page names a page that the server has",
}


def run(
    url: str, *, page: str, token: str | None, connections: int, pid: int | None, as_json: bool, slow: int
) -> int:
    """Measures a server and prints the figures.

    Args:
        url: the server's address.
        page: the key of the page that the clients join.
        token: the page's, where the server asks for one.
        connections: how many clients.
        pid: the server's process; None: it is searched for.
        as_json: prints JSON, and nothing of what is being done.
        slow: how many clients that never read are added for a second measurement; 0 leaves it out.

    Returns:
        The exit code: 1 if not every client knew the right number.

    Raises:
        BenchError: the server can't be measured; one line.
    """
    allowed = raise_descriptor_limit()
    if connections + slow + _ONE_MORE > allowed:
        raise BenchError(
            f"{connections + slow:,} clients need as many open files, and this process may have {allowed:,}"
            " (see ulimit -Hn)"
        )
    # Where an application handles the page's events, nannin tells the count only to those who ask for it.
    auth = {"updates": "audience", **({"token": token} if token else {})}
    address = Address(url, as_uri(page), auth)
    if connections + slow > CLIENTS_PER_ADDRESS and not address.is_ipv4_loopback:
        raise BenchError(f"from one address there are ports for {CLIENTS_PER_ADDRESS:,} clients only")
    processes = find_processes(address, pid)

    def progress(text: str) -> None:
        if not as_json and sys.stderr.isatty():
            click.echo(f"{address.url}: {text} ...", err=True)

    try:
        figures = measure(address, address.url, connections, processes, progress=progress)
    except BenchError as error:
        remedy = next((text for cause, text in _REMEDIES.items() if cause in str(error)), "")
        raise BenchError(f"{error}{remedy}") from None
    if not figures.exact:
        figures.notes.append("somebody else who comes or goes on this page meanwhile has that effect, too")
    if processes is None:
        figures.notes.append("the server's process can't be seen from here: no CPU time, no memory")
    found = measure_slow(address, connections, slow, progress) if slow else None
    if as_json:
        result = {**figures.to_dict(), "slow": dataclasses.asdict(found) if found else None}
        click.echo(json.dumps(result, indent=2))
    else:
        print_table([figures])
        if found:
            click.echo(describe_slow(found))
    return 0 if figures.exact and (found is None or found.exact) else 1


def find_processes(address: Address, pid: int | None) -> Processes | None:
    """The server's processes: the given one, or those that listen on its port of this machine.

    Raises:
        BenchError: a process was given, and can't be seen.
    """
    pids = [pid] if pid else find_listeners(address.port) if is_here(address) else []
    if not pids:
        return None
    processes = Processes(pids)
    try:
        processes.cpu_s(), processes.rss_bytes()
    except OSError:
        if pid:
            raise BenchError(f"process {pid} can't be seen in /proc") from None
        return None
    return processes


def is_here(address: Address) -> bool:
    """Whether an address is this machine's own."""
    with socket.socket(address.family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address.where[0], 0))
        except OSError:
            return False
    return True
