"""What can be wrong with the files of one sample, as opposed to with the program."""


class BrokenFileError(ValueError):
    """A data file exists, but what it holds cannot be used.

    A dataset with ``on_error="skip"`` skips samples with missing files
    (``FileNotFoundError``) and with broken ones; no other error is ever skipped.
    """
