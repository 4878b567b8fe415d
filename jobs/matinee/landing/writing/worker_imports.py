"""What the process imports that workers are forked from: each of them would import it for itself.

It imports and does nothing else: processes are forked from the same one that have other work.
"""

# PyArrow imports dateutil and masked arrays with the first list that it is given.
import dateutil.relativedelta  # type: ignore[import-untyped]  # noqa: F401
import fsspec.implementations.local  # type: ignore[import-untyped]  # noqa: F401
import numpy.ma  # noqa: F401
import pyarrow.compute  # noqa: F401, TID253
import pyarrow.parquet  # noqa: F401, TID253

import matinee.landing.writing.parts  # noqa: F401
