"""The workers of a soak as processes: started, killed now and then, started again, and ended by their ids."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from matinee.settings import CHECKOUT, Settings
from tests.soak.roles import ROLES
from tests.soak.turns import Journal

READY_S = 300
LAST_TURN_S = 300


@dataclass
class Member:
    """One worker: its process as it runs now; `life` counts the earlier ones."""

    role: str
    name: str
    process: "subprocess.Popen[bytes]"
    life: int = 0


@dataclass
class Fleet:
    """All workers of one soak; use it as a context, which ends them whatever happens.

    `died` names those that ended by themselves, with the end of their log.
    """

    settings: Settings
    folder: Path
    seed: int
    kills: int = 0
    died: list[str] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)

    def __enter__(self) -> "Fleet":
        for name in ("journals", "intents", "landing", "logs"):
            (self.folder / name).mkdir(exist_ok=True)
        for role, (_, count, _) in ROLES.items():
            for number in range(1, count + 1):
                name = f"{role}-{number}"
                self.members.append(Member(role, name, self._start(role, name, 0)))
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            with contextlib.suppress(ProcessLookupError):
                member.process.kill()
            member.process.wait(timeout=30)

    def wait_until_ready(self) -> None:
        """Wait until all of them have begun, at most five minutes; stop where one has died."""
        deadline = time.monotonic() + READY_S
        while not all(self.journal(member).lines() for member in self.members) and not self.died:
            if time.monotonic() > deadline:
                self.died.append(f"not all workers were ready after {READY_S} s")
            self.watch()
            time.sleep(0.2)

    def watch(self) -> None:
        """Note the workers that ended without being told to."""
        for member in self.members:
            ended = member.process.poll()
            if ended is not None:
                self._note_death(member, ended)

    def kill_one(self, random: Random) -> None:
        """Kill a publisher at any moment and start it again; it then repeats the work that it had begun.

        Only a publisher that has ended a turn since its start is killed: else a slow machine would publish nothing.
        """
        able = [member for member in self.members if member.role == "publisher" and self._has_ended_a_turn(member)]
        member = random.choice(able) if able else None
        if member is None or member.process.poll() is not None:
            return
        member.process.send_signal(signal.SIGKILL)
        member.process.wait(timeout=30)
        self.kills += 1
        member.life += 1
        member.process = self._start(member.role, member.name, member.life)

    def stop(self) -> None:
        """Let every worker finish its turn; a worker that does not is noted as dead."""
        self.watch()
        (self.folder / "stop").touch()
        deadline = time.monotonic() + LAST_TURN_S
        for member in self.members:
            try:
                ended = member.process.wait(timeout=max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                self.died.append(f"{member.name} did not end its last turn in {LAST_TURN_S} s")
                continue
            if ended:
                self._note_death(member, ended)

    def journal(self, member: Member) -> Journal:
        """Return a worker's journal."""
        return Journal(self.folder / "journals" / f"{member.name}.jsonl")

    def _has_ended_a_turn(self, member: Member) -> bool:
        kinds = [line["kind"] for line in self.journal(member).lines()]
        return kinds.count("ready") > member.life and "ended" in kinds[len(kinds) - kinds[::-1].index("ready") :]

    def _start(self, role: str, name: str, life: int) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.soak.worker", role, "--name", name, "--folder", str(self.folder)]
        with (self.folder / "logs" / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--seed", str(self.seed), "--life", str(life)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=CHECKOUT,
                env=environment(self.settings),
                preexec_fn=_die_with_parent,
            )

    def _note_death(self, member: Member, ended: int) -> None:
        if not any(line.startswith(f"{member.name} ") for line in self.died):
            text = (self.folder / "logs" / f"{member.name}.log").read_text(errors="replace")
            self.died.append(f"{member.name} ended with {ended}: {' | '.join(text.splitlines()[-5:])}")


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment that gives a worker this lake, and one core of Sail."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MATINEE_")}
    own |= {
        "MATINEE_HOME": str(settings.home),
        "MATINEE_CATALOG": settings.catalog,
        "MATINEE_ENGINE": settings.engine,
        "MATINEE_SPARK_CORES": "1",
        "MATINEE_SPARK_MEMORY": "1g",
        "SPARK_REMOTE": settings.spark_remote or "",
        "PYTHONPATH": os.pathsep.join((str(CHECKOUT / "jobs"), str(CHECKOUT))),
    }
    if settings.catalog_uri is not None:
        own["MATINEE_CATALOG_URI"] = settings.catalog_uri.get_secret_value()
    return own


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 = PR_SET_PDEATHSIG
