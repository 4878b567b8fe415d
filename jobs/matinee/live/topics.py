"""Topics that were replaced after their records were landed: offsets of a topic say nothing of its successor."""

import shutil
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from matinee.errors import TopicChangedError
from matinee.landing import landed_files, offsets
from matinee.landing.model import QUARANTINE, Landing
from matinee.live.checkpoint import checkpoint_of
from matinee.live.lease import streaming
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing

if TYPE_CHECKING:
    from matinee.sources.protocol import Records


def refuse_other_topics(lake: Lake, records: "Records") -> Mapping[str, str]:
    """Return the identity of each topic: as its source tells, else as it was recorded.

    Raises:
        TopicChangedError: a topic has another identity than the topic whose records were landed.
        EngineFailedError: the source does not answer.
    """
    identities = dict(records.identities())
    for topic, dataset in records.datasets.items():
        for table in (dataset, QUARANTINE):
            last = offsets.last_streamed(lake, table, dataset)
            # An older version recorded no identity: its landings count as landings of the present topic.
            recorded = last.topic_id if last else ""
            if recorded and identities.setdefault(topic, recorded) != recorded:
                raise TopicChangedError(
                    f"Topic {topic} is not the one whose records {table} has: it was recreated, or these are other "
                    f"brokers (it was {recorded}, it is {identities[topic]}).",
                    next_step="Name the right brokers; or, if it was recreated, `matinee stream accept-topics` takes "
                    "it from its first record on.",
                    facts={"topic": topic, "recorded": recorded, "found": identities[topic]},
                )
    return identities


def refuse_shorter(lake: Lake, datasets: Mapping[str, str], ends: Mapping[str, Mapping[str, int]]) -> None:
    """Check that no topic is shorter than it was: what lies below the offset that was reached counts as landed.

    Args:
        lake: the lake.
        datasets: the raw datasets by topic.
        ends: by topic, the end of each partition.

    Raises:
        TopicChangedError: a topic ends before the offset up to which its records were landed.
    """
    for topic, dataset in datasets.items():
        for name, until in offsets.landed_through(lake, dataset, dataset).items():
            end = ends.get(topic, {}).get(name.rpartition("/")[2], until)
            if end < until:
                raise TopicChangedError(
                    f"Topic partition {name} ends at offset {end}, but {dataset} has its records up to {until}.",
                    next_step="Was it recreated, are these other brokers? The page of `events_stream` says what to do.",
                    facts={"partition": name, "end": end, "landed_through": until},
                )


def accept_topics(lake: Lake, records: "Records") -> list[str]:
    """Take the topics that were recreated from their first record on; return their names.

    Records of the old topics that nobody had read are lost; records that were landed stay.

    Raises:
        LeaseHeldError: ticks left no time for it; try again.
    """
    accepted = []
    with streaming(lake):
        for topic, identity in records.identities().items():
            dataset = records.datasets[topic]
            # The raw table last: until it has the new identity the topic is refused, also after a kill.
            for table in (QUARANTINE, dataset):
                last = offsets.last_streamed(lake, table, dataset)
                if last is not None and last.topic_id not in ("", identity):
                    _start_over(lake, table, last, topic, identity)
                    accepted.append(topic)
        # The checkpoint goes on at offsets of the old topics, which the new topics may not have.
        shutil.rmtree(checkpoint_of(lake.settings), ignore_errors=True)
    return sorted(set(accepted))


def _start_over(lake: Lake, table: str, last: Landing, topic: str, identity: str) -> None:
    begun = Landing(
        dataset=last.dataset,
        file=f"{topic} from its first record on",
        sha256=offsets.range_id(last.dataset, topic, identity),
        rows_in=0,
        rows_landed=0,
        rows_quarantined=0,
        unknown_fields={},
        received_ts=last.received_ts,
        after=last.through,
        through=dict.fromkeys(last.through, 0),
        topic_id=identity,
    )
    landed_files.commit(lake, table, begun, partial(_note, lake, table))


def _note(lake: Lake, table: str, landing: Landing) -> None:
    commit_nothing(lake, table, landing.branch, landing.to_summary())
