"""Whether a base is cheaper in full or from the base before it: by rows alone, with costs that were measured."""

from matinee.publication.predecessor import Work

#: What it costs to look at a tile's row for its key, to fade a row of the base before, and to add up again the keys of
#: a tile's row that went; each as a share of adding up a tile's row (deploy/decisions/010-features.md).
LOOK, FADE, AGAIN = 0.3, 0.5, 2.0


def why_in_full(work: Work) -> str:
    """Return why all tiles are added up; empty where it costs less to start from the base before."""
    from_previous = LOOK * work.inputs + FADE * work.previous + AGAIN * work.gone + work.came
    if from_previous < work.inputs:
        return ""
    return (
        f"{work.inputs} rows of tiles cost less than {work.previous} of the base before, {work.gone} that went and "
        f"{work.came} that came"
    )
