"""What a rule for contracts looks at, and what it finds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from matinee.contracts.document import Piece, Place
from matinee.contracts.model import Contract


@dataclass(frozen=True)
class Subject:
    """What a rule looks at: a contract, its document, and the other contracts that are known."""

    contract: Contract
    root: Piece
    others: Mapping[str, Contract]

    def column(self, name: str, key: str) -> Place:
        """Return the place of a key of a column."""
        return ("schema", 0, "properties", self.contract.column_names.index(name), key)

    def table(self) -> Piece:
        """Return the one table of the document."""
        return next(self.root.get("schema").items())

    def custom(self, name: str) -> Place:
        """Return the place of a custom property's value; of all custom properties where the property is missing."""
        stated = self.root.find("customProperties")
        for entry in stated.items() if stated else ():
            if entry.get("property").value == name:
                return (*entry.place, "value")
        return ("customProperties",)


Finding = tuple[Place, str]
Rule = Callable[[Subject], Iterator[Finding]]
