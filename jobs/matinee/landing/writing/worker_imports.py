"""The imports of the process that workers are forked from: else each worker would import the modules itself.

This module imports and does nothing else: processes with other work are forked from the same process.
"""

# PyArrow imports dateutil and masked arrays with the first list that it is given.
import dateutil.relativedelta  # type: ignore[import-untyped]  # noqa: F401
import fsspec.implementations.local  # type: ignore[import-untyped]  # noqa: F401
import numpy.ma  # noqa: F401
import pyarrow.compute  # noqa: F401, TID253
import pyarrow.parquet  # noqa: F401, TID253

import matinee.landing.writing.parts  # noqa: F401
