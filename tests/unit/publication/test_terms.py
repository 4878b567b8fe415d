"""What a contract says of a dataset's rows, besides the rows that its transform reads."""

from matinee.contracts.registry import Registry
from matinee.publication.terms import in_buckets
from matinee.settings import CHECKOUT


def test_another_number_of_buckets_changes_the_greatest_bucket() -> None:
    contract = Registry.load(CHECKOUT / "sql").get("core.play_attributions")
    more = in_buckets(contract, 16)
    assert (more.cells.buckets, more.cells.of) == (16, contract.cells.of)
    assert [column.maximum for column in more.columns if column.name == more.cells.column] == [15]
    assert in_buckets(contract, 8) is contract
