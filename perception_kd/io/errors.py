"""Errors of single data files, as opposed to errors of the program."""

MISSING_REMEDY = (
    'check data_root and that the data set is complete, or skip such samples with on_error="skip".'
)


class BrokenFileError(ValueError):
    """A data file exists, but its content cannot be used.

    A dataset with ``on_error="skip"`` skips samples with missing files
    (``FileNotFoundError``) or broken ones; no other error is skipped.
    """


class FieldError(ValueError):
    """A field of an entry is missing or has a wrong value.

    Whoever knows file and entry raises an error that names them as well.
    """
