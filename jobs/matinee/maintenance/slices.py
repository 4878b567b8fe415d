"""Which cells are worth rewriting into fewer files, and how many at once: decided from metadata, no row is read.

**The rule.** Fewer files save each reader the opening of the others, and opening a file costs a reader as much as
reading `OPEN_BYTES`: Iceberg's own figure for planning scans. A rewrite reads and writes all bytes of its cells, and
its job and commit cost as much as `JOB_BYTES` more. The score of a cell is what one read of the cell saves, over the
bytes that are rewritten. A cell is worth a rewrite if its score is at least `WORTH`: then the rewrite has paid after
four reads. Cells are taken best first and put into slices of one day each; a slice must be worth its rewrite as a
whole, its job included. So five tiny files of a cell are rewritten and four are not, eight files of 7 MiB are and eight
of 9 MiB are not.

**How large a slice is.** A slice reaches `main` only if nobody else moved `main` meanwhile, so the rewrite should take
half the usual gap between the commits of others, at the pace of earlier compactions. A slice has at least one cell.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import median

MIB = 2**20
OPEN_BYTES = 4 * MIB
JOB_BYTES = 48 * MIB
WORTH = 0.25
#: The size of a slice where too few commits are known to tell the usual gap between them.
DEFAULT_SLICE_BYTES = 1024 * MIB
#: The pace where no compaction was measured: what two cores do (deploy/decisions/005).
DEFAULT_BYTES_A_SECOND = 8 * MIB
#: Fewer gaps than this do not tell the usual gap.
MIN_GAPS = 3
#: Smaller slices tell how long a job takes to start, not how fast it is.
MIN_MEASURED_BYTES = 16 * MIB


@dataclass(frozen=True)
class StoredFile:
    """A data file: its cell (`bucket` None where a table has none), its partition, its size."""

    day: date
    bucket: int | None
    partition: Hashable
    bytes: int


@dataclass(frozen=True)
class CellFiles:
    """The files of a cell, and how many they would be once rewritten: files never span partitions."""

    day: date
    bucket: int | None
    files: int
    files_after: int
    bytes: int

    @property
    def saved(self) -> int:
        """Files that a reader of the cell would not open any more."""
        return max(self.files - self.files_after, 0)

    @property
    def score(self) -> float:
        """What one read saves, over what the rewrite costs; without the job, which cells of a slice share."""
        return self.saved * OPEN_BYTES / max(self.bytes, 1)


@dataclass(frozen=True)
class PlannedSlice:
    """Cells of one day that are rewritten together, in one commit."""

    day: date
    cells: tuple[CellFiles, ...]

    @property
    def bytes(self) -> int:
        """The bytes that are rewritten."""
        return sum(cell.bytes for cell in self.cells)

    @property
    def score(self) -> float:
        """What one read of all cells saves, over what the rewrite costs with its job."""
        return sum(cell.saved for cell in self.cells) * OPEN_BYTES / (self.bytes + JOB_BYTES)

    @property
    def buckets(self) -> tuple[int, ...] | None:
        """The buckets of the cells; None where the table has none."""
        buckets = tuple(sorted(cell.bucket for cell in self.cells if cell.bucket is not None))
        return buckets or None


def cells_of(files: Iterable[StoredFile], target_bytes: int) -> list[CellFiles]:
    """Return the cells of some files, each whole, ordered by day and bucket; `target_bytes` is a full file."""
    sizes: dict[tuple[date, int | None], dict[Hashable, list[int]]] = defaultdict(lambda: defaultdict(list))
    for file in files:
        sizes[file.day, file.bucket][file.partition].append(file.bytes)
    cells = [
        CellFiles(
            day,
            bucket,
            files=sum(map(len, partitions.values())),
            files_after=sum(max(-(-sum(file_sizes) // target_bytes), 1) for file_sizes in partitions.values()),
            bytes=sum(map(sum, partitions.values())),
        )
        for (day, bucket), partitions in sizes.items()
    ]
    return sorted(cells, key=lambda cell: (cell.day, cell.bucket or 0))


def plan_slices(cells: Iterable[CellFiles], slice_bytes: int) -> list[PlannedSlice]:
    """Return the slices that are worth a rewrite, best first; a slice of several cells has at most `slice_bytes`."""
    best_first = sorted(cells, key=lambda cell: (-cell.score, cell.day, cell.bucket or 0))
    slices: dict[date, list[list[CellFiles]]] = defaultdict(list)
    for cell in best_first:
        if cell.score < WORTH:
            break
        of_day = slices[cell.day]
        if not of_day or sum(member.bytes for member in of_day[-1]) + cell.bytes > slice_bytes:
            of_day.append([])
        of_day[-1].append(cell)
    planned = [PlannedSlice(day, tuple(members)) for day, of_day in slices.items() for members in of_day]
    return sorted(
        (candidate for candidate in planned if candidate.score >= WORTH),
        key=lambda candidate: (-candidate.score, candidate.day),
    )


def slice_bytes(commits_ms: Iterable[int], measured: Sequence[tuple[int, float]]) -> int:
    """Return how many bytes a slice may have to be done in half the usual gap between commits.

    Args:
        commits_ms: when others committed, milliseconds since the epoch, in any order.
        measured: bytes and seconds of earlier compactions.
    """
    gaps = [later - earlier for earlier, later in pairwise(sorted(commits_ms))]
    if len(gaps) < MIN_GAPS:
        return DEFAULT_SLICE_BYTES
    telling = [(size, seconds) for size, seconds in measured if size >= MIN_MEASURED_BYTES and seconds > 0]
    seconds = sum(seconds for _, seconds in telling)
    pace = sum(size for size, _ in telling) / seconds if telling else DEFAULT_BYTES_A_SECOND
    return int(median(gaps) / 1000 / 2 * pace)
