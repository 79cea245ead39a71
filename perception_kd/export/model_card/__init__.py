"""The page of a model folder: method, teacher, data, licenses, results."""
