"""Remarks of a conversion, not errors: counted, each with its first example."""

from dataclasses import dataclass, field


@dataclass
class Remarks:
    """Counts of findings.

    Attributes:
        found: Number and first example by what was found.
    """

    found: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, what: str, example: str = "", count: int = 1) -> None:
        """Count a finding.

        Args:
            what: What was found, in the plural, such as "images without a size".
            example: File or record that has it.
            count: How often.
        """
        before, first = self.found.get(what, (0, example))
        self.found[what] = before + count, first or example

    def merge(self, other: "Remarks") -> None:
        """Add all findings of another object."""
        for what, (count, example) in other.found.items():
            self.add(what, example, count)

    def lines(self) -> list[str]:
        """Return one sentence per kind of finding."""
        return [
            f"{count} {what}{example and f', such as {example}'}."
            for what, (count, example) in sorted(self.found.items())
        ]
