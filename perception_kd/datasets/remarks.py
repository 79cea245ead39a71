"""Remarks of a conversion, not errors: counted, each with its first examples."""

from dataclasses import dataclass, field

_NUM_EXAMPLES = 3


@dataclass
class Remarks:
    """Counts of findings.

    Attributes:
        found: Number and first examples by what was found.
        totals: Number of things looked at, by what was found, and the remedy for most.
    """

    found: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    totals: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, what: str, example: str = "", count: int = 1) -> None:
        """Count a finding.

        Args:
            what: What was found, in the plural, such as "images without a size".
            example: File or record that has it.
            count: How often.
        """
        before, examples = self.found.get(what, (0, []))
        self.found[what] = before + count, [*examples, *filter(None, [example])][:_NUM_EXAMPLES]

    def add_total(self, what: str, count: int, remedy: str = "") -> None:
        """Count what a finding is a part of, also where nothing was found.

        Args:
            what: As in :meth:`add`.
            count: How many might have it.
            remedy: What to do if most have it; empty if that is not an error.
        """
        before, _ = self.totals.get(what, (0, ""))
        self.totals[what] = before + count, remedy

    def merge(self, other: "Remarks") -> None:
        """Add all findings of another object."""
        for what, (count, examples) in other.found.items():
            for example in examples or [""]:
                self.add(what, example, 0)
            self.add(what, "", count)
        for what, (count, remedy) in other.totals.items():
            self.add_total(what, count, remedy)

    def lines(self) -> list[str]:
        """Return one sentence per kind of finding."""
        return [f"{self._line(what)}." for what in sorted(self.found)]

    def find_most(self) -> str:
        """Return an error about something that most lack; empty if there is none."""
        for what, (total, remedy) in self.totals.items():
            if remedy and 2 * self.found.get(what, (0, []))[0] > total:
                return f"{self._line(what)}; {remedy}."
        return ""

    def _line(self, what: str) -> str:
        count, examples = self.found[what]
        of = f" of {self.totals[what][0]}" if what in self.totals else ""
        shown = examples if of else examples[:1]
        such = f", such as {', '.join(shown)}" if shown else ""
        return f"{count}{of} {what}{such}"
